package pikasim

import (
	"strconv"

	"github.com/tidwall/btree"
)

// hash is fields in byte order.
type hash struct {
	fields btree.Map[string, []byte]
}

func (*hash) kind() kind          { return hashKind }
func (h *hash) size() int         { return h.fields.Len() }
func (h *hash) drop(field string) { h.fields.Delete(field) }

func hset(c *call) {
	_, replaced := edit[hash](c).fields.Set(c.str(2), c.args[3])
	c.out.flag(!replaced)
}

func hmset(c *call) {
	h := edit[hash](c)
	for i := 2; i < len(c.args); i += 2 {
		h.fields.Set(c.str(i), c.args[i+1])
	}
	c.out.ok()
}

func hget(c *call) {
	h, _ := read[hash](c)
	v, there := h.fields.Get(c.str(2))
	c.out.bulkOrNull(v, there)
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

func hsetnx(c *call) {
	h, _ := read[hash](c)
	_, there := h.fields.Get(c.str(2))
	if !there {
		edit[hash](c).fields.Set(c.str(2), c.args[3])
	}
	c.out.flag(!there)
}

// fieldOr is a field of the call's hash, or 0.
func fieldOr(c *call) string {
	h, _ := read[hash](c)
	if v, there := h.fields.Get(c.str(2)); there {
		return string(v)
	}
	return "0"
}

func hincrby(c *call) {
	by := c.number(3)
	n := c.sum(fieldOr(c), by)
	edit[hash](c).fields.Set(c.str(2), strconv.AppendInt(nil, n, 10))
	c.out.integer(n)
}

func hincrbyfloat(c *call) {
	b := c.sumFloat(fieldOr(c), 3)
	edit[hash](c).fields.Set(c.str(2), []byte(b))
	c.out.text(b)
}
