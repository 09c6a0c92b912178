package reader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// maxReply is the most bytes of the replies of a pipeline that cannot ask for less: a hash field and its value
// of the format's largest size, and some.
const maxReply = 1<<30 + 1<<20

var errReplyTooLarge = errors.New("replies larger than can be taken in")

// A replyBuffer holds the raw replies of one pipeline. It never allocates more than a small
// multiple of what has arrived.
type replyBuffer struct {
	b     []byte
	max   int  // most bytes; 0: maxReply
	least bool // what is asked for next cannot be less
}

// keepBuffer is the capacity up to which a buffer is used again.
const keepBuffer = 4 << 20

func (w *replyBuffer) reset() {
	if cap(w.b) > keepBuffer {
		w.b = nil
	}
	w.b = w.b[:0]
}

func (w *replyBuffer) limit() int {
	if w.max > 0 {
		return w.max
	}
	return maxReply
}

// fill reads from r until so many replies are there.
func (w *replyBuffer) fill(r io.Reader, replies int) error {
	off, left, need := 0, replies, 0
	for {
		var err error
		if off, left, need, err = frame(w.b, off, left, w.limit()); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if len(w.b)+need > w.limit() {
			return errReplyTooLarge
		}
		w.b = slices.Grow(w.b, max(leastRead, min(need, len(w.b))))
		n, err := r.Read(w.b[len(w.b):cap(w.b)])
		w.b = w.b[:len(w.b)+n]
		switch {
		case len(w.b) > w.limit():
			return errReplyTooLarge
		case err != nil && n == 0:
			return err
		}
	}
	if off < len(w.b) {
		return fmt.Errorf("%w: %d bytes follow it that nobody asked for", errReply, len(w.b)-off)
	}
	return nil
}

// leastRead is how much room a read has at least.
const leastRead = 16 << 10

// frame goes on from off over replies of which left are still to come, as far as b has them
// whole. It returns how many bytes are missing at least if there are not all.
func frame(b []byte, off, left, limit int) (newOff, newLeft, need int, err error) {
	for left > 0 {
		if n, at, ok := length(b, off); ok && n <= int64(limit) { // nearly always
			if b[off] == '*' {
				left += int(n)
			} else if at += int(n) + 2; at > len(b) {
				return off, left, at - len(b), nil
			}
			off = at
			left--
			continue
		}
		end := bytes.IndexByte(b[off:], '\n')
		for end > 0 && b[off+end-1] != '\r' {
			i := bytes.IndexByte(b[off+end+1:], '\n')
			if i < 0 {
				end = -1
				break
			}
			end += i + 1
		}
		if end < 0 {
			return off, left, 1, nil
		}
		if end < 2 {
			return off, left, 0, errReply
		}
		next := off + end + 1
		switch t := b[off]; t {
		case '+', ':':
		case '-':
			if re := (&ReplyError{Reply: string(b[off+1 : next-2])}); re.transient() {
				return off, left, 0, re
			}
		case '$', '*':
			n, err := parseInt(b[off+1 : next-2])
			if err != nil {
				return off, left, 0, errReply
			}
			if n > int64(limit) {
				return off, left, 0, errReplyTooLarge
			}
			if n >= 0 && t == '$' {
				next += int(n) + 2
			} else if n > 0 {
				left += int(n)
			}
		default:
			return off, left, 0, errReply
		}
		if next > len(b) {
			return off, left, next - len(b), nil
		}
		off = next
		left--
	}
	return off, left, 0, nil
}

// length takes the head of a bulk string or an array that begins at off, if it is there and is of the common form: it
// is not nil. What follows it begins at next.
func length(b []byte, off int) (n int64, next int, ok bool) {
	if off >= len(b) || b[off] != '$' && b[off] != '*' {
		return 0, 0, false
	}
	return digits(b, off+1)
}

// digits takes a number of the common form, which has no sign and few digits, and the end of its line.
func digits(b []byte, off int) (n int64, next int, ok bool) {
	i := off
	for i < len(b) && '0' <= b[i] && b[i] <= '9' && i-off < 18 {
		n = 10*n + int64(b[i]-'0')
		i++
	}
	return n, i + 2, i > off && i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n'
}

// A parser takes raw RESP2 replies apart. Slices that it returns point into the buffer.
type parser struct {
	b   []byte
	off int
	cmd string // what the replies answer, for errors
	key []byte // and of which key; nil: of none
}

// asked says for errors what the replies answer.
func (p *parser) asked() string {
	if p.key == nil {
		return p.cmd
	}
	return p.cmd + " " + quoteKey(p.key)
}

// answers says what the replies from here on answer.
func (p *parser) answers(cmd string, key []byte) { p.cmd, p.key = cmd, key }

var errReply = errors.New("not a RESP2 reply")

// line takes one line without its CR LF.
func (p *parser) line() ([]byte, error) {
	i := bytes.Index(p.b[p.off:], []byte("\r\n"))
	if i < 1 {
		return nil, fmt.Errorf("%s: %w", p.asked(), errReply)
	}
	l := p.b[p.off : p.off+i]
	p.off += i + 2
	return l, nil
}

// head takes a line of type t and returns the number in it.
func (p *parser) head(t byte) (int64, error) {
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
		return 0, &ReplyError{p.asked(), string(l[1:])}
	}
	n, err := parseInt(l[1:])
	if l[0] != t || err != nil {
		return 0, &ReplyError{p.asked(), string(l[:min(len(l), 80)])}
	}
	return n, nil
}

func parseInt(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 18 {
		return strconv.ParseInt(string(b), 10, 64)
	}
	var n int64
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, errReply
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, errReply
		}
		n = n*10 + int64(c-'0')
	}
	if b[0] == '-' {
		n = -n
	}
	return n, nil
}

// integer takes an integer reply.
func (p *parser) integer() (int64, error) { return p.head(':') }

// array takes the head of an array of n values: -1 accepts any number.
func (p *parser) array(want int) (int, error) {
	n, err := p.head('*')
	if err != nil {
		return 0, err
	}
	// Every value takes four bytes at least.
	if n < 0 || n > int64(len(p.b)-p.off)/4+1 || want >= 0 && n != int64(want) {
		return 0, &ReplyError{p.asked(), fmt.Sprintf("*%d", n)}
	}
	return int(n), nil
}

// bulk takes a bulk string; nil is an error.
func (p *parser) bulk() ([]byte, error) {
	n, err := p.head('$')
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(p.b)-p.off-2) {
		return nil, &ReplyError{p.asked(), fmt.Sprintf("$%d", n)}
	}
	v := p.b[p.off : p.off+int(n) : p.off+int(n)]
	p.off += int(n) + 2
	return v, nil
}

// value takes a bulk string that may be nil.
func (p *parser) value() ([]byte, error) {
	if bytes.HasPrefix(p.b[p.off:], []byte("$-1\r\n")) {
		p.off += len("$-1\r\n")
		return nil, nil
	}
	return p.bulk()
}

// bulks takes an array of bulk strings and appends them to dst. The number must
// be a multiple of group.
func (p *parser) bulks(dst [][]byte, group int) ([][]byte, error) {
	n, err := p.array(-1)
	if err != nil {
		return dst, err
	}
	if n%group != 0 {
		return dst, &ReplyError{p.asked(), fmt.Sprintf("*%d where pairs must stand", n)}
	}
	for range n {
		v, err := p.bulk()
		if err != nil {
			return dst, err
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// status takes a status reply; any other is an error.
func (p *parser) status() error {
	l, err := p.line()
	if err == nil && l[0] != '+' {
		err = &ReplyError{p.asked(), string(bytes.TrimPrefix(l, []byte("-")))}
	}
	return err
}

// skipReplies takes n replies, and returns a parser of them.
func (p *parser) skipReplies(n int) (*parser, error) {
	q := *p
	off, left, _, err := frame(p.b, p.off, n, len(p.b))
	if err != nil || left > 0 {
		return nil, fmt.Errorf("%s: %w", p.asked(), errReply)
	}
	p.off = off
	return &q, nil
}

// skipReply takes one reply, whatever it is.
func (p *parser) skipReply() error {
	for left := 1; left > 0; left-- {
		l, err := p.line()
		if err != nil {
			return err
		}
		n, _ := parseInt(l[1:])
		switch {
		case l[0] == '$' && n >= 0:
			if n > int64(len(p.b)-p.off-2) {
				return fmt.Errorf("%s: %w", p.asked(), errReply)
			}
			p.off += int(n) + 2
		case l[0] == '*' && n > 0:
			if n > int64(len(p.b)-p.off) {
				return fmt.Errorf("%s: %w", p.asked(), errReply)
			}
			left += int(n)
		}
	}
	return nil
}
