package pikasim

import "github.com/tidwall/btree"

// members is a set, in byte order.
type members struct {
	btree.Set[string]
}

func (*members) kind() kind        { return setKind }
func (m *members) size() int       { return m.Len() }
func (m *members) drop(one string) { m.Delete(one) }

func sadd(c *call) {
	m := edit[members](c)
	before := m.size()
	for i := 2; i < len(c.args); i++ {
		m.Insert(c.str(i))
	}
	c.out.integer(int64(m.size() - before))
}

// smembers answers in byte order; see hgetall.
func smembers(c *call) {
	m, _ := read[members](c)
	c.out.texts(m.Keys())
}

// spop is SPOP key [count]. ≤3.4 log it as it was sent, which names no member.
func spop(c *call) {
	n := int64(1)
	if len(c.args) > 2 {
		n = c.number(2)
	}
	m, found := read[members](c)
	c.logsNew()
	if !found {
		c.out.null()
		return
	}
	popped := []string{}
	for ; n > 0 && m.size() > 0; n-- {
		one, _ := m.GetAt(m.Len() / 2)
		m.Delete(one)
		popped = append(popped, one)
	}
	if c.version().old() {
		c.out.text(popped[0])
		return
	}
	c.logs(words(append([]string{"srem", c.str(1)}, popped...)...))
	c.out.texts(popped)
}

// smove is SMOVE from to member. From a set to itself ≤3.5 say that it moved.
func smove(c *call) {
	from, _ := read[members](c)
	readName[members](c, c.str(2)) // fails if it is of another type
	same := c.str(1) == c.str(2)
	moved := from.Contains(c.str(3)) || same && !c.db.oneType
	if moved && !same {
		from.Delete(c.str(3))
		editName[members](c, c.str(2)).Insert(c.str(3))
	}
	if c.logsNew(); moved {
		c.logsNew(words("srem", c.str(1), c.str(3)), words("sadd", c.str(2), c.str(3)))
	}
	c.out.flag(moved)
}

// combined is the union, intersection or difference of sets by their names.
func (c *call) combined(names [][]byte) *members {
	out := new(members)
	for i, name := range names {
		m, _ := readName[members](c, string(name))
		if i == 0 || c.name[1] == 'u' {
			for _, one := range m.Keys() {
				out.Insert(one)
			}
			continue
		}
		for _, one := range out.Keys() {
			if m.Contains(one) == (c.name[1] == 'd') {
				out.Delete(one)
			}
		}
	}
	return out
}

// combine is SUNION, SINTER and SDIFF, which 4.0 logs, for it holds them for writes.
func combine(c *call) { c.out.texts(c.combined(c.args[1:]).Keys()) }

// combineStore is SUNIONSTORE, SINTERSTORE and SDIFFSTORE to from ...
func combineStore(c *call) {
	out := c.combined(c.args[2:])
	c.db.put(setKind, c.str(1), out)
	rows := [][]string{}
	for _, one := range out.Keys() {
		rows = append(rows, []string{one})
	}
	c.logsCollection(c.str(1), "sadd", rows)
	c.out.integer(int64(out.size()))
}
