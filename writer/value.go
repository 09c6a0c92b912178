package writer

import (
	"bufio"
	"cmp"
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

	at, size int // of text or list, as long as these are with a valueReader
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
	// maxText is the most bytes of all texts of one flight: an element of the largest size, and its value.
	maxText = 2*format.MaxBulk + 1<<20
)

// errLarger: a flight has more bytes of texts than it may have.
var errLarger = fmt.Errorf("%w: it is larger", errReply)

// A valueReader reads values. Those of one flight share their memory: settle gives it to them.
type valueReader struct {
	in    *bufio.Reader
	arena []byte  // texts
	lists []value // whole lists, one behind the other
	stack []value // of lists that are not whole yet
	most  int64   // bytes of all texts; 0: maxText
}

// Capacities up to which memory is used again.
const (
	keptArena = 2 << 20 // a value of 1 MiB does not make it anew for each
	keptLists = 32 << 10
)

// reset forgets the flight before, whose values are of no more use.
func (r *valueReader) reset() {
	if cap(r.arena) > keptArena {
		r.arena = nil
	}
	if cap(r.lists)+cap(r.stack) > keptLists {
		r.lists, r.stack = nil, nil
	}
	clear(r.lists) // their texts
	r.arena, r.lists, r.stack = r.arena[:0], r.lists[:0], r.stack[:0]
}

// texts returns the texts of all values that were read.
func (r *valueReader) texts() string { return string(r.arena) }

// settle gives a value that was read, and those in it, their memory.
func (r *valueReader) settle(v *value, texts string) {
	if v.kind != '*' {
		v.text = texts[v.at : v.at+v.size]
		return
	}
	v.list = r.lists[v.at : v.at+v.size : v.at+v.size]
	for i := range v.list {
		r.settle(&v.list[i], texts)
	}
}

// read reads one reply. It is of no use before it is settled.
func (r *valueReader) read() (value, error) { return r.one(0) }

func (r *valueReader) one(depth int) (v value, err error) {
	line, err := readLine(r.in)
	if err != nil {
		return v, err
	}
	v.kind, v.at = line[0], len(r.arena)
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
			err = errReply
		}
	case '*':
		var n int64
		if n, err = parseReplyInt(line[1:]); err == nil && n == -1 {
			v.kind = 0
		} else if err == nil {
			v.at, v.size, err = r.items(n, depth)
			return v, err
		}
	default:
		err = fmt.Errorf("%w: it begins with %q", errReply, line[:1])
	}
	v.size = len(r.arena) - v.at
	return v, err
}

// bytes takes n bytes and the end of their line. No more memory is taken than has arrived, twice.
func (r *valueReader) bytes(n int64) error {
	if most := cmp.Or(r.most, maxText); int64(len(r.arena))+n > most {
		return fmt.Errorf("%w than %d bytes", errLarger, most)
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
	end, err := r.in.Peek(2)
	if len(end) < 2 {
		return cutShort(err)
	}
	if end[0] != '\r' || end[1] != '\n' {
		return errReply
	}
	_, err = r.in.Discard(2)
	return err
}

// items takes the values of a list, and returns where they are.
func (r *valueReader) items(n int64, depth int) (at, size int, err error) {
	if n < 0 || n > maxValues || depth == maxNesting {
		return 0, 0, fmt.Errorf("%w: a list of %d", errReply, n)
	}
	from := len(r.stack)
	for range n {
		item, err := r.one(depth + 1)
		if err != nil {
			return 0, 0, cutShort(err)
		}
		r.stack = append(r.stack, item)
	}
	at = len(r.lists)
	r.lists = append(r.lists, r.stack[from:]...)
	r.stack = r.stack[:from]
	return at, int(n), nil
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
