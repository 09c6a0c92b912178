package pikasim

// geoadd is GEOADD key lon lat member ...: a zset of 52-bit geohashes.
func geoadd(c *call) {
	if len(c.args)%3 != 2 {
		c.fail(wrongNumber(c.name))
	}
	var hashes []float64
	for i := 2; i < len(c.args); i += 3 {
		hashes = append(hashes, float64(geohash(c.score(i), c.score(i+1))))
	}
	z := edit[zset](c)
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
