package pikasim

import (
	"bytes"
	"errors"
	"strconv"
)

// Bounds of a request: Pika's default max-conn-rbuf-size, and the number of
// arguments that fit in it.
const (
	maxBulk      = 256 << 20
	maxArguments = maxBulk / 6
	maxInline    = 64 << 10
)

var errProtocol = errors.New("protocol error")

// requests cuts a byte stream into commands. It remembers how far a command
// has come, so that long ones are read once however many reads they take.
type requests struct {
	buf  []byte // not yet used
	args [][]byte
	left int // arguments still to come; 0 between commands
}

// feed adds what was read. The bytes are copied.
func (r *requests) feed(b []byte) {
	r.buf = append(r.buf, b...)
}

// next is the next complete command, or nil when more bytes are needed. The
// arguments belong to the caller. Commands of no arguments are passed over.
func (r *requests) next() ([][]byte, error) {
	for {
		if r.left == 0 {
			line, ok := r.line()
			if !ok && len(r.buf) > maxInline {
				return nil, errProtocol
			}
			if !ok {
				return nil, nil
			}
			if len(line) == 0 || line[0] != '*' {
				if args := inline(line); len(args) > 0 {
					return args, nil
				}
				continue
			}
			n, err := strconv.Atoi(string(line[1:]))
			if err != nil || n > maxArguments {
				return nil, errProtocol
			}
			if n <= 0 {
				continue
			}
			r.left, r.args = n, nil
		}
		for r.left > 0 {
			arg, ok, err := r.bulk()
			if err != nil || !ok {
				return nil, err
			}
			r.args = append(r.args, arg)
			r.left--
		}
		return r.args, nil
	}
}

// bulk is the next argument, if all of it is there.
func (r *requests) bulk() (arg []byte, ok bool, err error) {
	end := bytes.IndexByte(r.buf, '\n')
	if end < 0 {
		if len(r.buf) > 32 {
			return nil, false, errProtocol
		}
		return nil, false, nil
	}
	head := bytes.TrimSuffix(r.buf[:end], []byte{'\r'})
	if len(head) < 2 || head[0] != '$' {
		return nil, false, errProtocol
	}
	n, err := strconv.Atoi(string(head[1:]))
	if err != nil || n < 0 || n > maxBulk {
		return nil, false, errProtocol
	}
	if len(r.buf) < end+1+n+2 {
		return nil, false, nil
	}
	arg = make([]byte, n)
	copy(arg, r.buf[end+1:])
	r.skip(end + 1 + n + 2)
	return arg, true, nil
}

// line is the next line without its end, if all of it is there.
func (r *requests) line() ([]byte, bool) {
	end := bytes.IndexByte(r.buf, '\n')
	if end < 0 {
		return nil, false
	}
	line := bytes.Clone(bytes.TrimSuffix(r.buf[:end], []byte{'\r'}))
	r.skip(end + 1)
	return line, true
}

// skip drops used bytes, and starts the buffer anew when it is empty so that
// it does not creep through memory.
func (r *requests) skip(n int) {
	if r.buf = r.buf[n:]; len(r.buf) == 0 {
		r.buf = nil
	}
}

// inline splits a command typed by hand, without quoting.
func inline(line []byte) [][]byte { return bytes.Fields(line) }
