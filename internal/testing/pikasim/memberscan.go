package pikasim

import (
	"strconv"
	"strings"
)

// HSCAN, SSCAN and ZSCAN: cursors into a table shared by every client, by key
// and pattern. What they list is in byte order.

// A listed is a collection that is listed so.
type listed interface {
	value
	// rows calls each for each member from start on until told to stop, with the reply it makes.
	rows(start string, each func(member string, write func(*reply)) bool)
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

// memberScan answers xSCAN key cursor [MATCH p] [COUNT n].
func memberScan[V any, T interface {
	pointer[V]
	listed
}](c *call) {
	cursor := c.number(2)
	pattern, count := "*", int64(10)
	c.options(3, 0, map[string]any{"match": &pattern, "count": &count})
	v, found := readSpelled[V, T](c)
	var page reply
	n, next := 0, int64(0)
	if found && cursor >= 0 && c.version() == V236 {
		n, next = offsetPage(cursor, count, v, &page)
	} else if found && cursor >= 0 {
		n, next = c.memberPage(v, cursor, pattern, count, &page)
	}
	if v.kind() != setKind {
		n *= 2 // a member, and its value or score
	}
	c.page(strconv.FormatInt(next, 10), n, page)
}

// memberPage writes one page from a cursor; one that is not in the table
// starts again from the beginning.
func (c *call) memberPage(v listed, cursor int64, pattern string, count int64, page *reply) (n int, next int64) {
	prefix := tailPrefix(pattern)
	index := func(cursor int64) string {
		return c.str(1) + "_" + pattern + "_" + strconv.FormatInt(cursor, 10)
	}
	start, ok := c.db.members[v.kind()].load(index(cursor))
	if !ok {
		start, cursor = prefix, 0
	}
	left := count
	v.rows(start, func(member string, write func(*reply)) bool {
		inside := strings.HasPrefix(member, prefix)
		if left == 0 || !inside {
			if inside || member <= prefix {
				next = cursor + count
				c.db.members[v.kind()].store(index(next), member)
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
