package pikasim

import "github.com/tidwall/btree"

// members is a set, in byte order.
type members struct {
	btree.Set[string]
}

func (*members) kind() kind  { return setKind }
func (m *members) size() int { return m.Len() }

func sadd(c *call) {
	m := edit[members](c)
	before := m.size()
	for i := 2; i < len(c.args); i++ {
		m.Insert(c.str(i))
	}
	c.out.integer(int64(m.size() - before))
}

func srem(c *call) {
	m, _ := read[members](c)
	before := m.size()
	for i := 2; i < len(c.args); i++ {
		m.Delete(c.str(i))
	}
	c.out.integer(int64(before - m.size()))
}

// smembers answers in byte order; see hgetall.
func smembers(c *call) {
	m, _ := read[members](c)
	c.out.texts(m.Keys())
}
