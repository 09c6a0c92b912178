package writer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A reply is what a server answers to a command that changes a key.
type reply struct {
	kind byte   // '+', '-', ':' or '$'; 0: none has come
	n    int64  // of ':'
	text string // of the others
}

// is reports whether it is a text.
func (r *reply) is(text string) bool { return (r.kind == '+' || r.kind == '$') && r.text == text }

// integer returns the number that it is.
func (r *reply) integer() (n int64, ok bool) { return r.n, r.kind == ':' }

func (r *reply) String() string {
	if r.kind == ':' {
		return strconv.FormatInt(r.n, 10)
	}
	return r.text
}

// maxReply is the most bytes of one reply to a command that changes a key: a status, a number, an id, or an error
// that repeats an argument.
const maxReply = 1 << 20

var errReply = errors.New("a reply that is not in the protocol, or not one to this command")

// readReply reads one.
func readReply(in *bufio.Reader, r *reply) error {
	line, err := readLine(in)
	if err != nil {
		return err
	}
	*r = reply{kind: line[0]}
	switch line[0] {
	case '+':
		if r.text = "OK"; string(line[1:]) != r.text {
			r.text = string(line[1:])
		}
	case '-':
		r.text = string(line[1:])
	case ':':
		r.n, err = parseReplyInt(line[1:])
	case '$':
		n, parseErr := parseReplyInt(line[1:])
		if parseErr != nil || n < -1 || n > maxReply {
			return fmt.Errorf("%w: %q", errReply, line)
		}
		if n < 0 {
			*r = reply{kind: '-', text: "(nil)"}
			return nil
		}
		text := make([]byte, n+2)
		if _, err := io.ReadFull(in, text); err != nil {
			return err
		}
		r.text = string(text[:n])
	default:
		return fmt.Errorf("%w: it begins with %q", errReply, line[:1])
	}
	return err
}

// readLine returns a line without its end, valid until the next read. It has one byte at least.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) <= maxReply {
			line, err = in.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: it is longer than %d bytes", errReply, maxReply)
		}
		return nil, err
	}
	n := len(line) - 2
	if n < 1 || line[n] != '\r' {
		return nil, errReply
	}
	return line[:n], nil
}

// parseReplyInt returns the number that is all of b.
func parseReplyInt(b []byte) (int64, error) {
	if len(b) > 0 && len(b) <= 18 {
		n, i := int64(0), 0
		for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
			n = 10*n + int64(b[i]-'0')
		}
		if i == len(b) {
			return n, nil
		}
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no number", errReply, b)
	}
	return n, nil
}
