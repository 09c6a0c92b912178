package pikasim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/tidwall/redcon"
)

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

// Bounds of a request: Pika's default max-conn-rbuf-size, and the number of
// arguments that fit in it.
const (
	maxBulk      = 256 << 20
	maxArguments = maxBulk / 6
	maxInline    = 64 << 10
	maxHead      = 32
)

var errProtocol = errors.New("protocol error")

// readRequest reads the next command; those of no arguments are passed over. The arguments belong
// to the caller.
func readRequest(r *bufio.Reader) (args [][]byte, err error) {
	for len(args) == 0 {
		line, err := readLine(r, maxInline)
		switch {
		case err != nil:
			return nil, err
		case len(line) == 0 || line[0] != '*':
			args = bytes.Fields(line) // typed by hand, without quoting
			continue
		}
		n, err := strconv.Atoi(string(line[1:]))
		if err != nil || n > maxArguments {
			return nil, errProtocol
		}
		for range n {
			arg, err := readBulk(r)
			if err != nil {
				return nil, err
			}
			args = append(args, arg)
		}
	}
	return args, nil
}

func readBulk(r *bufio.Reader) ([]byte, error) {
	head, err := readLine(r, maxHead)
	if err != nil {
		return nil, err
	}
	length, found := bytes.CutPrefix(head, []byte{'$'})
	n, err := strconv.Atoi(string(length))
	if !found || err != nil || n < 0 || n > maxBulk {
		return nil, errProtocol
	}
	arg := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(r, arg)
	return arg[:n:n], err
}

// readLine reads a line of at most so many bytes, without its end.
func readLine(r *bufio.Reader, most int) (line []byte, err error) {
	for len(line) <= most {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return nil, err
		case b == '\n':
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		line = append(line, b)
	}
	return nil, errProtocol
}
