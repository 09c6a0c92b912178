package pikasim

import "strconv"

// reply builds RESP2 answers.
type reply []byte

func (r *reply) head(kind byte, n int64) {
	b := append(*r, kind)
	b = strconv.AppendInt(b, n, 10)
	*r = append(b, '\r', '\n')
}

func (r *reply) array(n int)     { r.head('*', int64(n)) }
func (r *reply) integer(n int64) { r.head(':', n) }
func (r *reply) flag(is bool) {
	n := int64(0)
	if is {
		n = 1
	}
	r.integer(n)
}
func (r *reply) null() { *r = append(*r, "$-1\r\n"...) }
func (r *reply) ok()   { r.status("OK") }

func (r *reply) line(s string)   { *r = append(append(*r, s...), "\r\n"...) }
func (r *reply) status(s string) { r.line("+" + s) }

// error takes the whole text, with its code.
func (r *reply) error(text string) { r.line("-" + text) }

func (r *reply) bulk(b []byte) {
	r.head('$', int64(len(b)))
	*r = append(append(*r, b...), "\r\n"...)
}

func (r *reply) bulkOrNull(b []byte, there bool) {
	if there {
		r.bulk(b)
	} else {
		r.null()
	}
}

func (r *reply) text(s string) {
	r.head('$', int64(len(s)))
	r.line(s)
}

func (r *reply) texts(list []string) {
	r.array(len(list))
	for _, s := range list {
		r.text(s)
	}
}
