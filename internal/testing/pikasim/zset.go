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

func newZset() *zset      { return new(zset) }
func (z *zset) size() int { return z.scores.Len() }

// scored is one member with its score.
type scored struct {
	member string
	score  float64
}

func zadd(c *call) {
	if len(c.args)%2 != 0 {
		c.fail(syntax)
		return
	}
	scores := make([]float64, 0, len(c.args)/2)
	for i := 2; i < len(c.args); i += 2 {
		f, ok := parseScore(c.str(i))
		if !ok {
			c.fail(notFloat)
			return
		}
		scores = append(scores, f)
	}
	z, ok := edit(c, zsetKind, c.str(1), newZset)
	if !ok {
		return
	}
	before := z.size()
	for i, f := range scores {
		z.scores.Set(c.str(3+2*i), f)
	}
	c.out.integer(int64(z.size() - before))
}

func zrem(c *call) {
	z, found, ok := read[*zset](c, zsetKind, c.str(1))
	if !ok {
		return
	}
	var n int64
	for i := 2; found && i < len(c.args); i++ {
		if _, there := z.scores.Delete(c.str(i)); there {
			n++
		}
	}
	c.out.integer(n)
}

func zcard(c *call) {
	z, found, ok := read[*zset](c, zsetKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.integer(0)
	default:
		c.out.integer(int64(z.size()))
	}
}

func zscore(c *call) {
	z, found, ok := read[*zset](c, zsetKind, c.str(1))
	if !ok {
		return
	}
	if found {
		if f, there := z.scores.Get(c.str(2)); there {
			c.out.text(formatScore(f))
			return
		}
	}
	c.out.null()
}

// zrange is ZRANGE key start stop [WITHSCORES].
func zrange(c *call) {
	with := len(c.args) == 5 && c.word(4) == "withscores"
	if len(c.args) > 4 && !with {
		c.fail(syntax)
		return
	}
	start, ok := c.number(2)
	if !ok {
		return
	}
	stop, ok := c.number(3)
	if !ok {
		return
	}
	z, found, ok := read[*zset](c, zsetKind, c.str(1))
	if !ok {
		return
	}
	if !found {
		c.out.array(0)
		return
	}
	from, to := span(start, stop, z.size())
	rows := c.fromLowest(z, to)
	rows = rows[min(from, len(rows)):]
	if with {
		c.out.array(2 * len(rows))
	} else {
		c.out.array(len(rows))
	}
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
