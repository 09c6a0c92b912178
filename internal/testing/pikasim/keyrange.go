package pikasim

import (
	"strings"

	"github.com/tidwall/btree"
)

const badKind = "ERR invalid DB for ''" // the type word is not in it

// pageRequest is what the PK*RANGE commands have in common: inclusive bounds,
// empty for none, and how many to take.
type pageRequest struct {
	start, end, pattern string
	limit               int64
	down                bool // from start down to end
}

// pageRequest reads the arguments from the bounds on.
func (c *call) pageRequest(at int) *pageRequest {
	p := &pageRequest{start: c.str(at), end: c.str(at + 1), pattern: "*", limit: 10}
	p.down = strings.HasPrefix(c.name, "pkr") || strings.HasPrefix(c.name, "pkhr")
	c.options(at+2, 1, map[string]any{"match": &p.pattern, "limit": &p.limit})
	if p.start != "" && p.end != "" && p.start != p.end && p.start < p.end == p.down {
		if c.db.oneType {
			c.fail(wrongType) // 4.0 takes every invalid argument for that
		}
		c.fail(badRange)
	}
	return p
}

// past tells whether a name lies beyond the end.
func (p *pageRequest) past(name string) bool {
	return p.end != "" && name != p.end && name < p.end == p.down
}

// walk goes over names from the start on.
func walk[V any](p *pageRequest, names *btree.Map[string, V], each func(string, V) bool) {
	switch {
	case !p.down:
		names.Ascend(p.start, each)
	case p.start == "":
		names.Reverse(each)
	default:
		names.Descend(p.start, each)
	}
}

// pkScanRange is PKSCANRANGE and PKRSCANRANGE: type start end [MATCH p] [LIMIT n].
func pkScanRange(c *call) {
	k, values := kindNamed(c.word(1)), c.word(1) == "string_with_value"
	if values {
		k = strKind
	}
	if k == noKind {
		c.fail(badKind)
	}
	p := c.pageRequest(2)
	var page reply
	n, next := 0, ""
	walk(p, c.db.names[k], func(name string, r *record) bool {
		shown := c.db.shown(name)
		if p.past(shown) {
			return false
		}
		match := matches(p.pattern, shown)
		if !r.alive(c.now) || c.unlisted(shown) || c.db.oneType && !match {
			return true
		}
		if p.limit == 0 {
			next = shown
			return false
		}
		p.limit--
		if !match {
			return true // ≤3.5 count what they visit
		}
		page.text(shown)
		n++
		if t, ok := r.value.(*text); ok && values {
			page.bulk(t.b)
			n++
		}
		return true
	})
	c.page(next, n, page)
}

// pkhScanRange is PKHSCANRANGE and PKHRSCANRANGE: key start end [MATCH p] [LIMIT n].
func pkhScanRange(c *call) { c.fieldPage(c.pageRequest(2)) }

// hscanx is HSCANX key start [MATCH p] [COUNT n].
func hscanx(c *call) {
	p := &pageRequest{start: c.str(2), pattern: "*", limit: 10}
	c.options(3, 1, map[string]any{"match": &p.pattern, "count": &p.limit})
	c.fieldPage(p)
}

// fieldPage answers a page of fields with their values. All versions count the fields they visit.
func (c *call) fieldPage(p *pageRequest) {
	h, _ := read[hash](c)
	var page reply
	n, next := 0, ""
	walk(p, &h.fields, func(field string, v []byte) bool {
		if p.past(field) {
			return false
		}
		if p.limit == 0 {
			next = field
			return false
		}
		p.limit--
		if matches(p.pattern, field) {
			page.text(field)
			page.bulk(v)
			n += 2
		}
		return true
	})
	c.page(next, n, page)
}

// page answers where to go on, and n elements.
func (c *call) page(next string, n int, elements reply) {
	c.out.array(2)
	c.out.text(next)
	c.out.array(n)
	*c.out = append(*c.out, elements...)
}
