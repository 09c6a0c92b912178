package pikasim

import (
	"strconv"
	"strings"
)

// HSCAN, SSCAN and ZSCAN: cursors into a table shared by every client, by key
// and pattern. What they list is in byte order.

// rows calls for each member from start on until told to stop, with the reply
// it makes.
type rows func(start string, each func(member string, write func(*reply)) bool)

func hscan(c *call) {
	memberScan(c, hashKind, 2, func(h *hash) rows { return h.rows })
}

func sscan(c *call) {
	memberScan(c, setKind, 1, func(m *members) rows { return m.rows })
}

func zscan(c *call) {
	memberScan(c, zsetKind, 2, func(z *zset) rows { return z.rows })
}

func (h *hash) rows(start string, each func(string, func(*reply)) bool) {
	h.fields.Ascend(start, func(f string, v []byte) bool {
		return each(f, func(r *reply) { r.text(f); r.bulk(v) })
	})
}

func (m *members) rows(start string, each func(string, func(*reply)) bool) {
	m.Ascend(start, func(member string) bool {
		return each(member, func(r *reply) { r.text(member) })
	})
}

func (z *zset) rows(start string, each func(string, func(*reply)) bool) {
	z.scores.Ascend(start, func(m string, f float64) bool {
		return each(m, func(r *reply) { r.text(m); r.text(formatScore(f)) })
	})
}

// memberScan answers xSCAN key cursor [MATCH p] [COUNT n]; width is how many
// elements of the reply a member makes.
func memberScan[T value](c *call, k kind, width int, open func(T) rows) {
	cursor, ok := c.number(2)
	if !ok {
		return
	}
	pattern, count := "*", int64(10)
	if !c.options(3, 0, map[string]any{"match": &pattern, "count": &count}) {
		return
	}
	v, found, other := find[T](c, k, c.str(1))
	if other != noKind {
		c.spelledWrongType(c.str(1), k, other)
		return
	}
	var page reply
	n, next := 0, int64(0)
	if found && cursor >= 0 && c.version() == V236 {
		n, next = offsetPage(cursor, count, k, v, open(v), &page)
	} else if found && cursor >= 0 {
		n, next = c.memberPage(k, cursor, pattern, count, open(v), &page)
	}
	c.out.array(2)
	c.out.text(strconv.FormatInt(next, 10))
	c.out.array(n * width)
	*c.out = append(*c.out, page...)
}

// memberPage writes one page from a cursor; one that is not in the table
// starts again from the beginning.
func (c *call) memberPage(k kind, cursor int64, pattern string, count int64, list rows, page *reply) (n int, next int64) {
	prefix, _ := tailPrefix(pattern)
	index := func(cursor int64) string {
		return c.str(1) + "_" + pattern + "_" + strconv.FormatInt(cursor, 10)
	}
	start, ok := c.db.members[k].load(index(cursor))
	if !ok {
		start, cursor = prefix, 0
	}
	left := count
	list(start, func(member string, write func(*reply)) bool {
		inside := strings.HasPrefix(member, prefix)
		if left == 0 || !inside {
			if inside || member <= prefix {
				next = cursor + count
				c.db.members[k].store(index(next), member)
			}
			return false
		}
		left--
		if matches(pattern, member) {
			write(page)
			n++
		}
		return true
	})
	return n, next
}
