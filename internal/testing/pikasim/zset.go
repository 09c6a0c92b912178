package pikasim

import (
	"cmp"
	"slices"

	"github.com/tidwall/btree"
)

// zset is scores by member, in byte order of the members, as ZSCAN lists them.
type zset struct {
	scores btree.Map[string, float64]
}

func (*zset) kind() kind           { return zsetKind }
func (z *zset) size() int          { return z.scores.Len() }
func (z *zset) drop(member string) { z.scores.Delete(member) }

// scored is one member with its score.
type scored struct {
	member string
	score  float64
}

func zadd(c *call) {
	if len(c.args)%2 != 0 {
		c.fail(syntax)
	}
	scores := make([]float64, 0, len(c.args)/2)
	for i := 2; i < len(c.args); i += 2 {
		scores = append(scores, c.score(i))
	}
	z := edit[zset](c)
	before := z.size()
	for i, f := range scores {
		z.scores.Set(c.str(3+2*i), f)
	}
	c.out.integer(int64(z.size() - before))
}

func zscore(c *call) {
	z, _ := read[zset](c)
	if f, there := z.scores.Get(c.str(2)); there {
		c.out.text(formatScore(f))
		return
	}
	c.out.null()
}

// zrange is ZRANGE key start stop [WITHSCORES].
func zrange(c *call) {
	with := len(c.args) == 5 && c.word(4) == "withscores"
	if len(c.args) > 4 && !with {
		c.fail(syntax)
	}
	start, stop := c.number(2), c.number(3)
	z, found := read[zset](c)
	if !found {
		c.out.array(0)
		return
	}
	from, to := span(start, stop, z.size())
	rows := c.fromLowest(z, to)
	rows = rows[min(from, len(rows)):]
	width := 1
	if with {
		width = 2
	}
	c.out.array(width * len(rows))
	for _, row := range rows {
		c.out.text(row.member)
		if with {
			c.out.text(formatScore(row.score))
		}
	}
}

// fromLowest is up to n members by score as ZRANGE walks them: it starts at
// the lowest finite score, which leaves out members of -inf, and does not see
// where the key ends, so that members of the next key make up the number.
func (c *call) fromLowest(z *zset, n int) []scored {
	rows := slices.DeleteFunc(z.byScore(), func(s scored) bool { return s.score < -maxScore })
	c.db.names[zsetKind].Ascend(c.str(1)+"\x00", func(_ string, r *record) bool {
		if len(rows) >= n {
			return false
		}
		if next, ok := r.value.(*zset); ok && next.size() > 0 {
			rows = append(rows, next.byScore()...)
		}
		return true
	})
	return rows[:min(n, len(rows))]
}

// byScore is all members in the order of score, then member.
func (z *zset) byScore() []scored {
	rows := make([]scored, 0, z.size())
	z.scores.Scan(func(m string, f float64) bool {
		rows = append(rows, scored{m, f})
		return true
	})
	slices.SortStableFunc(rows, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
	return rows
}

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
