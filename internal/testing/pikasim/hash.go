package pikasim

import "github.com/tidwall/btree"

// hash is fields in byte order.
type hash struct {
	fields btree.Map[string, []byte]
}

func (*hash) kind() kind  { return hashKind }
func (h *hash) size() int { return h.fields.Len() }

func hset(c *call) {
	_, replaced := edit[hash](c).fields.Set(c.str(2), c.args[3])
	c.out.flag(!replaced)
}

func hmset(c *call) {
	if len(c.args)%2 != 0 {
		c.fail(wrongNumber(c.name))
	}
	h := edit[hash](c)
	for i := 2; i < len(c.args); i += 2 {
		h.fields.Set(c.str(i), c.args[i+1])
	}
	c.out.ok()
}

func hdel(c *call) {
	h, _ := read[hash](c)
	before := h.size()
	for i := 2; i < len(c.args); i++ {
		h.fields.Delete(c.str(i))
	}
	c.out.integer(int64(before - h.size()))
}

func hget(c *call) {
	h, _ := read[hash](c)
	if v, there := h.fields.Get(c.str(2)); there {
		c.out.bulk(v)
		return
	}
	c.out.null()
}

// hgetall answers in field order; with its cache on, a real 3.5 or 4.0 answers
// in hash order once the key is cached.
func hgetall(c *call) {
	h, _ := readSpelled[hash](c)
	c.out.array(2 * h.size())
	h.fields.Scan(func(f string, v []byte) bool {
		c.out.text(f)
		c.out.bulk(v)
		return true
	})
}
