package pikasim

import "github.com/tidwall/btree"

// hash is fields in byte order.
type hash struct {
	fields btree.Map[string, []byte]
}

func newHash() *hash      { return new(hash) }
func (h *hash) size() int { return h.fields.Len() }
func (h *hash) put(f string, v []byte) (added bool) {
	_, replaced := h.fields.Set(f, v)
	return !replaced
}

func hset(c *call) {
	h, ok := edit(c, hashKind, c.str(1), newHash)
	if !ok {
		return
	}
	if h.put(c.str(2), c.args[3]) {
		c.out.integer(1)
	} else {
		c.out.integer(0)
	}
}

func hmset(c *call) {
	if len(c.args)%2 != 0 {
		c.fail(wrongNumber(c.name))
		return
	}
	h, ok := edit(c, hashKind, c.str(1), newHash)
	if !ok {
		return
	}
	for i := 2; i < len(c.args); i += 2 {
		h.put(c.str(i), c.args[i+1])
	}
	c.out.ok()
}

func hdel(c *call) {
	h, found, ok := read[*hash](c, hashKind, c.str(1))
	if !ok {
		return
	}
	var n int64
	for i := 2; found && i < len(c.args); i++ {
		if _, there := h.fields.Delete(c.str(i)); there {
			n++
		}
	}
	c.out.integer(n)
}

func hget(c *call) {
	h, found, ok := read[*hash](c, hashKind, c.str(1))
	if !ok {
		return
	}
	if found {
		if v, there := h.fields.Get(c.str(2)); there {
			c.out.bulk(v)
			return
		}
	}
	c.out.null()
}

func hlen(c *call) {
	h, found, ok := read[*hash](c, hashKind, c.str(1))
	if !ok {
		return
	}
	if !found {
		c.out.integer(0)
		return
	}
	c.out.integer(int64(h.size()))
}

// hgetall answers in field order; with its cache on, a real 3.5 or 4.0 answers
// in hash order once the key is cached.
func hgetall(c *call) {
	h, found, other := find[*hash](c, hashKind, c.str(1))
	if other != noKind {
		c.spelledWrongType(c.str(1), hashKind, other)
		return
	}
	if !found {
		c.out.array(0)
		return
	}
	c.out.array(2 * h.size())
	h.fields.Scan(func(f string, v []byte) bool {
		c.out.text(f)
		c.out.bulk(v)
		return true
	})
}

// spelledWrongType is the error of 4.0's commands that test the wrong status
// variable; it has two spellings.
func (c *call) spelledWrongType(name string, want, got kind) {
	expect, get := ", expect type: ", ", get type: "
	if want == zsetKind || want == streamKind {
		expect, get = ", expected type: ", ", got type: "
	}
	c.fail("ERR Invalid argument: WRONGTYPE, key: " + name + expect + want.String() + get + got.String())
}
