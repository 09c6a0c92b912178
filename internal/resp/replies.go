package resp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Replies takes raw RESP2 replies apart, one after the other. Slices that it returns point into the
// buffer. After an error, which [Replies.Err] returns, it takes nothing more, and what it gives is
// zero: whoever takes several values looks at the error once, before they are used.
type Replies struct {
	b   []byte
	off int
	cmd string // what the replies answer, for errors
	key []byte // and of which key; nil: of none
	err error  // the first
}

// Failed returns the replies of a pipeline that has none, for that error.
func Failed(err error) *Replies { return &Replies{err: err} }

// Err returns the first error: a reply that is an error is an [Error], as is one of another type
// than was asked for.
func (p *Replies) Err() error { return p.err }

// Odd notes that no Pika should give this reply, of which a part is shown, and returns the error.
func (p *Replies) Odd(format string, args ...any) error {
	p.Fail(&Error{p.Asked(), fmt.Sprintf(format, args...)})
	return p.err
}

// Fail notes an error; nil is none.
func (p *Replies) Fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// Asked says for errors what the replies answer.
func (p *Replies) Asked() string {
	if p.key == nil {
		return p.cmd
	}
	return p.cmd + " " + Quote(p.key)
}

// Answers says what the replies from here on answer.
func (p *Replies) Answers(cmd string, key []byte) { p.cmd, p.key = cmd, key }

// line takes one line without its CR LF, which is not empty; nil after an error.
func (p *Replies) line() []byte {
	if p.err != nil {
		return nil
	}
	i := bytes.Index(p.b[p.off:], []byte("\r\n"))
	if i < 1 {
		p.err = fmt.Errorf("%s: %w", p.Asked(), ErrReply)
		return nil
	}
	l := p.b[p.off : p.off+i]
	p.off += i + 2
	return l
}

// head takes a line of type t and returns the number in it.
func (p *Replies) head(t byte) int64 {
	if p.err == nil && p.off < len(p.b) && p.b[p.off] == t {
		if n, next, ok := digits(p.b, p.off+1); ok {
			p.off = next
			return n
		}
	}
	l := p.line()
	if l == nil {
		return 0
	}
	n, err := ParseInt(l[1:])
	switch {
	case l[0] == '-':
		p.err = &Error{p.Asked(), string(l[1:])}
	case l[0] != t || err != nil:
		p.err = &Error{p.Asked(), string(l[:min(len(l), 80)])}
	default:
		return n
	}
	return 0
}

// ParseInt reads an integer, faster than strconv.
func ParseInt(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 18 {
		return strconv.ParseInt(string(b), 10, 64)
	}
	var n int64
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, ErrReply
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, ErrReply
		}
		n = n*10 + int64(c-'0')
	}
	if b[0] == '-' {
		n = -n
	}
	return n, nil
}

// Integer takes an integer reply.
func (p *Replies) Integer() int64 { return p.head(':') }

// Array takes the head of an array of n values: -1 accepts any number.
func (p *Replies) Array(want int) int {
	n := p.head('*')
	// Every value takes four bytes at least.
	if n < 0 || n > int64(len(p.b)-p.off)/4+1 || want >= 0 && n != int64(want) {
		p.Odd("*%d", n)
		return 0
	}
	return int(n)
}

// Bulk takes a bulk string; nil is an error.
func (p *Replies) Bulk() []byte {
	n := p.head('$')
	if p.err != nil {
		return nil
	}
	if n < 0 || n > int64(len(p.b)-p.off-2) {
		p.Odd("$%d", n)
		return nil
	}
	v := p.b[p.off : p.off+int(n) : p.off+int(n)]
	p.off += int(n) + 2
	return v
}

// BulkOrNil takes a bulk string that may be nil.
func (p *Replies) BulkOrNil() []byte {
	if p.err == nil && bytes.HasPrefix(p.b[p.off:], []byte("$-1\r\n")) {
		p.off += len("$-1\r\n")
		return nil
	}
	return p.Bulk()
}

// Bulks takes an array of bulk strings and appends them to dst. The number must
// be a multiple of group.
func (p *Replies) Bulks(dst [][]byte, group int) [][]byte {
	n := p.Array(-1)
	if n%group != 0 {
		p.Odd("*%d where pairs must stand", n)
	}
	for i := 0; i < n && p.err == nil; i++ {
		if v := p.Bulk(); p.err == nil {
			dst = append(dst, v)
		}
	}
	return dst
}

// Head takes the beginning of a reply of two: a bulk string, such as the cursor of a scan. What
// follows it is the other.
func (p *Replies) Head() []byte {
	p.Array(2)
	return p.Bulk()
}

// Page takes a reply of two: what to go on from, and bulk strings as Bulks does.
func (p *Replies) Page(dst [][]byte, group int) (next []byte, items [][]byte) {
	next = p.Head()
	return next, p.Bulks(dst, group)
}

// Simple takes a simple string, as TYPE answers.
func (p *Replies) Simple() string {
	l := p.line()
	if l != nil && l[0] != '+' {
		p.err = &Error{p.Asked(), string(bytes.TrimPrefix(l, []byte("-")))}
	}
	if p.err != nil {
		return ""
	}
	return string(l[1:])
}

// Status takes a simple string; any other reply is an error.
func (p *Replies) Status() error {
	p.Simple()
	return p.err
}

// Take takes n replies, and returns them.
func (p *Replies) Take(n int) *Replies {
	q := *p
	if p.err != nil {
		return &q
	}
	off, left, _, err := frame(p.b, p.off, n, len(p.b))
	if err != nil || left > 0 {
		p.err = fmt.Errorf("%s: %w", p.Asked(), ErrReply)
		return Failed(p.err)
	}
	p.off = off
	return &q
}

// Skip takes one reply, whatever it is.
func (p *Replies) Skip() { p.Take(1) }

// Len returns how many bytes there are, and Offset how many of them have been taken.
func (p *Replies) Len() int    { return len(p.b) }
func (p *Replies) Offset() int { return p.off }

// At returns the same replies from an Offset on.
func (p *Replies) At(off int) *Replies {
	q := *p
	q.off = off
	return &q
}

// Next returns the type of the next reply: one of + - : $ *, or 0 at the end and after an error.
func (p *Replies) Next() byte {
	if p.err != nil || p.off >= len(p.b) {
		return 0
	}
	return p.b[p.off]
}

// Refused takes the next reply if it is an error, which is not that of the replies; else it
// returns nil.
func (p *Replies) Refused() *Error {
	if p.Next() == '-' {
		if l := p.line(); l != nil {
			return &Error{p.Asked(), string(l[1:])}
		}
	}
	return nil
}

// Fields returns what INFO says: lines of name:value, but for headings.
func Fields(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(name, "#") {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// First takes up to n bulk strings of an array of which the end may be missing.
func (p *Replies) First(n int) (some [][]byte) {
	p.head('*')
	for range n {
		if v := p.Take(1).Bulk(); v != nil {
			some = append(some, bytes.Clone(v)) // what they stand in is large
		}
	}
	return some
}

// Quote shows the beginning of a key.
func Quote(key []byte) string {
	if len(key) > 128 {
		return fmt.Sprintf("%q…", key[:128])
	}
	return fmt.Sprintf("%q", key)
}
