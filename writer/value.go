package writer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A value is a reply of any shape.
type value struct {
	kind byte    // '+', '-', ':', '$' or '*'; 0 for nil
	n    int64   // of ':'
	text string  // of '+', '-' and '$'
	list []value // of '*'

	at, size int // of text, as long as it is in an arena
}

// isText reports whether it is one; nil is how some versions write an empty one.
func (v *value) isText() bool { return v.kind == '$' || v.kind == '+' || v.kind == 0 }

func (v *value) String() string {
	switch v.kind {
	case 0:
		return "nil"
	case ':':
		return strconv.FormatInt(v.n, 10)
	case '*':
		return fmt.Sprintf("a list of %d", len(v.list))
	}
	return v.text
}

// Limits of one reply that is read back. What is asked for is far smaller.
const (
	maxValues  = 4 << 20 // in one list
	maxNesting = 4
	// maxText is the most bytes of all texts of one reply: an element of the largest size, and its value.
	maxText = 2*format.MaxBulk + 1<<20
)

// A valueReader reads values. The texts of one reply share their memory.
type valueReader struct {
	in    *bufio.Reader
	arena []byte
}

// keptArena is the capacity up to which an arena is used again.
const keptArena = 1 << 20

// read reads one reply.
func (r *valueReader) read(v *value) error {
	if cap(r.arena) > keptArena {
		r.arena = nil
	}
	r.arena = r.arena[:0]
	if err := r.one(v, 0); err != nil {
		return err
	}
	v.settle(string(r.arena))
	return nil
}

// settle gives the texts their memory.
func (v *value) settle(arena string) {
	if v.kind == '*' {
		for i := range v.list {
			v.list[i].settle(arena)
		}
		return
	}
	v.text = arena[v.at : v.at+v.size]
}

func (r *valueReader) one(v *value, depth int) error {
	line, err := readLine(r.in)
	if err != nil {
		return err
	}
	*v = value{kind: line[0], at: len(r.arena)}
	switch line[0] {
	case '+', '-':
		r.arena = append(r.arena, line[1:]...)
	case ':':
		v.n, err = parseReplyInt(line[1:])
	case '$':
		var n int64
		if n, err = parseReplyInt(line[1:]); err == nil && n >= 0 {
			err = r.bytes(n)
		} else if err == nil && n == -1 {
			v.kind = 0
		} else {
			return errReply
		}
	case '*':
		var n int64
		if n, err = parseReplyInt(line[1:]); err == nil && n == -1 {
			v.kind = 0
		} else if err == nil {
			err = r.items(v, n, depth)
		}
	default:
		return fmt.Errorf("%w: it begins with %q", errReply, line[:1])
	}
	v.size = len(r.arena) - v.at
	return err
}

// bytes takes n bytes and the end of their line. No more memory is taken than has arrived, twice.
func (r *valueReader) bytes(n int64) error {
	if int64(len(r.arena))+n > maxText {
		return fmt.Errorf("%w: it is larger than %d bytes", errReply, maxText)
	}
	for n > 0 {
		part, err := r.in.Peek(int(min(n, int64(r.in.Size()))))
		if len(part) == 0 {
			return cutShort(err)
		}
		r.arena = append(r.arena, part...)
		n -= int64(len(part))
		if _, err := r.in.Discard(len(part)); err != nil {
			return err
		}
	}
	var end [2]byte
	if _, err := io.ReadFull(r.in, end[:]); err != nil {
		return cutShort(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return errReply
	}
	return nil
}

// items takes the values of a list.
func (r *valueReader) items(v *value, n int64, depth int) error {
	if n < 0 || n > maxValues || depth == maxNesting {
		return fmt.Errorf("%w: a list of %d", errReply, n)
	}
	v.list = make([]value, 0, min(n, 1024))
	for range n {
		v.list = append(v.list, value{})
		if err := r.one(&v.list[len(v.list)-1], depth+1); err != nil {
			return cutShort(err)
		}
	}
	return nil
}

// cutShort is the error of a reply that ends too early.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// valueOf translates a reply that the client library has read.
func valueOf(reply any) value {
	switch reply := reply.(type) {
	case nil:
		return value{}
	case int64:
		return value{kind: ':', n: reply}
	case string:
		return value{kind: '$', text: reply}
	case []any:
		v := value{kind: '*', list: make([]value, len(reply))}
		for i := range reply {
			v.list[i] = valueOf(reply[i])
		}
		return v
	}
	return value{kind: '-', text: fmt.Sprint(reply)}
}
