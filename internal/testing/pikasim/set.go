package pikasim

import "github.com/tidwall/btree"

// members is a set, in byte order.
type members struct {
	btree.Set[string]
}

func newMembers() *members   { return new(members) }
func (m *members) size() int { return m.Len() }

func sadd(c *call) {
	m, ok := edit(c, setKind, c.str(1), newMembers)
	if !ok {
		return
	}
	before := m.size()
	for i := 2; i < len(c.args); i++ {
		m.Insert(c.str(i))
	}
	c.out.integer(int64(m.size() - before))
}

func srem(c *call) {
	m, found, ok := read[*members](c, setKind, c.str(1))
	if !ok {
		return
	}
	if !found {
		c.out.integer(0)
		return
	}
	before := m.size()
	for i := 2; i < len(c.args); i++ {
		m.Delete(c.str(i))
	}
	c.out.integer(int64(before - m.size()))
}

func scard(c *call) {
	m, found, ok := read[*members](c, setKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.integer(0)
	default:
		c.out.integer(int64(m.size()))
	}
}

// smembers answers in byte order; see hgetall.
func smembers(c *call) {
	m, found, ok := read[*members](c, setKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.array(0)
	default:
		c.out.texts(m.Keys())
	}
}
