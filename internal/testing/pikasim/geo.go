package pikasim

// geoadd is GEOADD key lon lat member ...: a zset of 52-bit geohashes.
func geoadd(c *call) {
	if len(c.args)%3 != 2 {
		c.fail(wrongNumber(c.name))
		return
	}
	var hashes []float64
	for i := 2; i < len(c.args); i += 3 {
		lon, ok1 := parseScore(c.str(i))
		lat, ok2 := parseScore(c.str(i + 1))
		if !ok1 || !ok2 {
			c.fail(notFloat)
			return
		}
		hashes = append(hashes, float64(geohash(lon, lat)))
	}
	z, ok := edit(c, zsetKind, c.str(1), newZset)
	if !ok {
		return
	}
	before := z.size()
	for i, h := range hashes {
		z.scores.Set(c.str(4+3*i), h)
	}
	c.out.integer(int64(z.size() - before))
}

// geohash interleaves 26 bits of each, the latitude's in the even places.
func geohash(lon, lat float64) uint64 {
	const steps, maxLon, maxLat = 26, 180.0, 85.05112878
	x := uint64((lon + maxLon) / (2 * maxLon) * (1 << steps))
	y := uint64((lat + maxLat) / (2 * maxLat) * (1 << steps))
	var h uint64
	for i := range steps {
		h |= (y>>i&1)<<(2*i) | (x>>i&1)<<(2*i+1)
	}
	return h
}
