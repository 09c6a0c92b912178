package pikasim

import "github.com/tidwall/redcon"

// reply builds RESP2 answers.
type reply []byte

func (r *reply) array(n int)     { *r = redcon.AppendArray(*r, n) }
func (r *reply) integer(n int64) { *r = redcon.AppendInt(*r, n) }
func (r *reply) null()           { *r = redcon.AppendNull(*r) }
func (r *reply) ok()             { *r = redcon.AppendOK(*r) }
func (r *reply) bulk(b []byte)   { *r = redcon.AppendBulk(*r, b) }
func (r *reply) text(s string)   { *r = redcon.AppendBulkString(*r, s) }

// list is an array of bulk strings, arrays of them, and integers, which are redcon.SimpleInt.
func (r *reply) list(values ...any) { *r = redcon.AppendAny(*r, values) }

func (r *reply) flag(is bool) {
	n := int64(0)
	if is {
		n = 1
	}
	r.integer(n)
}

func (r *reply) line(s string)   { *r = append(append(*r, s...), "\r\n"...) }
func (r *reply) status(s string) { r.line("+" + s) }

// error takes the whole text, with its code.
func (r *reply) error(text string) { r.line("-" + text) }

func (r *reply) bulkOrNull(b []byte, there bool) {
	if there {
		r.bulk(b)
	} else {
		r.null()
	}
}

func (r *reply) bulks(list [][]byte) { *r = redcon.AppendAny(*r, list) }

func (r *reply) texts(list []string) {
	r.array(len(list))
	for _, s := range list {
		r.text(s)
	}
}
