package resp

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// Limits of what a server answers. What is asked for is far smaller.
const (
	maxList    = 4 << 20 // values in one list
	maxNesting = 4
	maxLine    = 1 << 20 // bytes: a status, or an error that repeats an argument
	// maxTexts is the most bytes of all texts between two Resets: twice an element of the largest
	// size, 512 MiB.
	maxTexts = 1<<30 + 1<<20
)

// A Reader reads replies. Those between two Resets share their memory: lists are valid until the
// next Reset, texts for ever.
type Reader struct {
	// Limit is the most bytes of all texts between two Resets; zero is far above what is asked for.
	Limit int64

	in    *bufio.Reader
	arena []byte  // texts
	lists []Reply // whole lists, one behind the other
	stack []Reply // of lists that are not whole yet
}

// bufferSize gains nothing above this.
const bufferSize = 64 << 10

// NewReader returns a Reader of what in brings.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(in, bufferSize)} }

// Capacities up to which memory is used again.
const (
	keptArena = 2 << 20 // a text of 1 MiB does not make it anew for each
	keptLists = 32 << 10
)

// Reset forgets the replies before, whose lists are of no more use.
func (r *Reader) Reset() {
	if cap(r.arena) > keptArena {
		r.arena = nil
	}
	if cap(r.lists)+cap(r.stack) > keptLists {
		r.lists, r.stack = nil, nil
	}
	clear(r.lists) // their texts
	r.arena, r.lists, r.stack = r.arena[:0], r.lists[:0], r.stack[:0]
}

// Buffered returns how many bytes have come that were not read yet.
func (r *Reader) Buffered() int { return r.in.Buffered() }

// Read reads n replies into where at says, and returns how many it has read.
func (r *Reader) Read(n int, at func(i int) *Reply) (done int, err error) {
	for done < n && err == nil {
		if err = r.one(at(done), 0); err == nil {
			done++
		}
	}
	texts := string(r.arena)
	for i := range done {
		r.settle(at(i), texts)
	}
	return done, err
}

// settle gives a reply, and those in it, their memory.
func (r *Reader) settle(v *Reply, texts string) {
	if v.Kind != '*' {
		v.Text = texts[v.at : v.at+v.size]
		return
	}
	v.List = r.lists[v.at : v.at+v.size : v.at+v.size]
	for i := range v.List {
		r.settle(&v.List[i], texts)
	}
}

// one reads a reply. It is of no use before it is settled.
func (r *Reader) one(v *Reply, depth int) error {
	line, err := r.line()
	if err != nil {
		return err
	}
	*v = Reply{Kind: line[0], at: len(r.arena)}
	switch line[0] {
	case '+', '-':
		r.arena = append(r.arena, line[1:]...)
	case ':', '$', '*':
		n, err := ParseInt(line[1:])
		switch {
		case err != nil:
			return fmt.Errorf("%w: %q is no number", ErrReply, line[1:])
		case line[0] == ':':
			v.N = n
		case n == -1:
			v.Kind = 0
		case line[0] == '*':
			v.at, v.size, err = r.items(n, depth)
			return err
		case n < 0:
			return ErrReply
		default:
			if err := r.bytes(n); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: it begins with %q", ErrReply, line[:1])
	}
	v.size = len(r.arena) - v.at
	return nil
}

// line returns a line without its end, valid until the next read. It has one byte at least.
func (r *Reader) line() ([]byte, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxLine {
			line, err = r.in.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrReply, maxLine)
		}
		return nil, err
	}
	n := len(line) - 2
	if n < 1 || line[n] != '\r' {
		return nil, ErrReply
	}
	return line[:n], nil
}

// bytes takes n bytes and the end of their line. No more memory is taken than has arrived, twice.
func (r *Reader) bytes(n int64) error {
	if most := cmp.Or(r.Limit, maxTexts); int64(len(r.arena))+n > most {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
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
		return ErrReply
	}
	_, err = r.in.Discard(2)
	return err
}

// items takes the values of a list, and returns where they are.
func (r *Reader) items(n int64, depth int) (at, size int, err error) {
	if n < 0 || n > maxList || depth == maxNesting {
		return 0, 0, fmt.Errorf("%w: a list of %d", ErrReply, n)
	}
	from := len(r.stack)
	for range n {
		var item Reply
		if err := r.one(&item, depth+1); err != nil {
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
