package resp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Replies takes raw RESP2 replies apart, one after the other. Slices that it returns point into the
// buffer.
type Replies struct {
	b   []byte
	off int
	cmd string // what the replies answer, for errors
	key []byte // and of which key; nil: of none
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

// line takes one line without its CR LF.
func (p *Replies) line() ([]byte, error) {
	i := bytes.Index(p.b[p.off:], []byte("\r\n"))
	if i < 1 {
		return nil, fmt.Errorf("%s: %w", p.Asked(), ErrReply)
	}
	l := p.b[p.off : p.off+i]
	p.off += i + 2
	return l, nil
}

// head takes a line of type t and returns the number in it.
func (p *Replies) head(t byte) (int64, error) {
	if p.off < len(p.b) && p.b[p.off] == t {
		if n, next, ok := digits(p.b, p.off+1); ok {
			p.off = next
			return n, nil
		}
	}
	l, err := p.line()
	if err != nil {
		return 0, err
	}
	if l[0] == '-' {
		return 0, &Error{p.Asked(), string(l[1:])}
	}
	n, err := ParseInt(l[1:])
	if l[0] != t || err != nil {
		return 0, &Error{p.Asked(), string(l[:min(len(l), 80)])}
	}
	return n, nil
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
func (p *Replies) Integer() (int64, error) { return p.head(':') }

// Array takes the head of an array of n values: -1 accepts any number.
func (p *Replies) Array(want int) (int, error) {
	n, err := p.head('*')
	if err != nil {
		return 0, err
	}
	// Every value takes four bytes at least.
	if n < 0 || n > int64(len(p.b)-p.off)/4+1 || want >= 0 && n != int64(want) {
		return 0, &Error{p.Asked(), fmt.Sprintf("*%d", n)}
	}
	return int(n), nil
}

// Bulk takes a bulk string; nil is an error.
func (p *Replies) Bulk() ([]byte, error) {
	n, err := p.head('$')
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(p.b)-p.off-2) {
		return nil, &Error{p.Asked(), fmt.Sprintf("$%d", n)}
	}
	v := p.b[p.off : p.off+int(n) : p.off+int(n)]
	p.off += int(n) + 2
	return v, nil
}

// BulkOrNil takes a bulk string that may be nil.
func (p *Replies) BulkOrNil() ([]byte, error) {
	if bytes.HasPrefix(p.b[p.off:], []byte("$-1\r\n")) {
		p.off += len("$-1\r\n")
		return nil, nil
	}
	return p.Bulk()
}

// Bulks takes an array of bulk strings and appends them to dst. The number must
// be a multiple of group.
func (p *Replies) Bulks(dst [][]byte, group int) ([][]byte, error) {
	n, err := p.Array(-1)
	if err != nil {
		return dst, err
	}
	if n%group != 0 {
		return dst, &Error{p.Asked(), fmt.Sprintf("*%d where pairs must stand", n)}
	}
	for range n {
		v, err := p.Bulk()
		if err != nil {
			return dst, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// Head takes the beginning of a reply of two: a bulk string, such as the cursor of a scan. What
// follows it is the other.
func (p *Replies) Head() ([]byte, error) {
	if _, err := p.Array(2); err != nil {
		return nil, err
	}
	return p.Bulk()
}

// Page takes a reply of two: what to go on from, and bulk strings as Bulks does.
func (p *Replies) Page(dst [][]byte, group int) (next []byte, items [][]byte, err error) {
	if next, err = p.Head(); err != nil {
		return nil, dst, err
	}
	items, err = p.Bulks(dst, group)
	return next, items, err
}

// Status takes a simple string; any other reply is an error.
func (p *Replies) Status() error {
	_, err := p.Simple()
	return err
}

// Take takes n replies, and returns them.
func (p *Replies) Take(n int) (*Replies, error) {
	q := *p
	off, left, _, err := frame(p.b, p.off, n, len(p.b))
	if err != nil || left > 0 {
		return nil, fmt.Errorf("%s: %w", p.Asked(), ErrReply)
	}
	p.off = off
	return &q, nil
}

// Skip takes one reply, whatever it is.
func (p *Replies) Skip() error {
	_, err := p.Take(1)
	return err
}

// Len returns how many bytes there are, and Offset how many of them have been taken.
func (p *Replies) Len() int    { return len(p.b) }
func (p *Replies) Offset() int { return p.off }

// At returns the same replies from an Offset on.
func (p *Replies) At(off int) *Replies {
	q := *p
	q.off = off
	return &q
}

// Next returns the type of the next reply: one of + - : $ *, or 0 at the end.
func (p *Replies) Next() byte {
	if p.off >= len(p.b) {
		return 0
	}
	return p.b[p.off]
}

// Err takes the next reply if it is an error.
func (p *Replies) Err() (*Error, error) {
	if p.Next() != '-' {
		return nil, nil
	}
	l, err := p.line()
	if err != nil {
		return nil, err
	}
	return &Error{p.Asked(), string(l[1:])}, nil
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

// Simple takes a simple string, as TYPE answers.
func (p *Replies) Simple() (string, error) {
	l, err := p.line()
	if err == nil && l[0] != '+' {
		err = &Error{p.Asked(), string(bytes.TrimPrefix(l, []byte("-")))}
	}
	if err != nil {
		return "", err
	}
	return string(l[1:]), nil
}

// First takes up to n bulk strings of an array of which the end may be missing.
func (p *Replies) First(n int) (some [][]byte) {
	if _, err := p.head('*'); err != nil {
		return nil
	}
	for range n {
		if _, left, _, err := frame(p.b, p.off, 1, len(p.b)); err != nil || left > 0 {
			break
		}
		if v, err := p.Bulk(); err == nil {
			some = append(some, bytes.Clone(v)) // what they stand in is large
		}
	}
	return some
}

// Quote shows the beginning of a key.
func Quote(key []byte) string {
	if len(key) > 64 {
		return fmt.Sprintf("%q…", key[:64])
	}
	return fmt.Sprintf("%q", key)
}
