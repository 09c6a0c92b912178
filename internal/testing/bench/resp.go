package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// skipReply reads one reply and throws it away; failed reports that it is an error.
func skipReply(r *bufio.Reader) (failed bool, err error) {
	for left := 1; left > 0; left-- {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if len(line) < 3 {
			return false, fmt.Errorf("not a reply: %q", line)
		}
		switch line[0] {
		case '-':
			failed = true
		case '$', '*':
			n, err := strconv.Atoi(string(line[1 : len(line)-2]))
			switch {
			case err != nil:
				return false, err
			case n < 0:
			case line[0] == '*':
				left += n
			default:
				if _, err := r.Discard(n + 2); err != nil {
					return false, err
				}
			}
		}
	}
	return failed, nil
}

var errPart = errors.New("the command is not complete")

// commandLen returns the length of the command at the start of b.
func commandLen(b []byte) (int, error) {
	off := 0
	head := func(t byte) (int, error) {
		i := bytes.Index(b[off:], []byte("\r\n"))
		if i < 0 {
			return 0, errPart
		}
		if i < 2 || b[off] != t {
			return 0, fmt.Errorf("not a command: %.20q", b[off:])
		}
		n, err := strconv.Atoi(string(b[off+1 : off+i]))
		off += i + 2
		return n, err
	}
	n, err := head('*')
	if err != nil {
		return 0, err
	}
	for range n {
		size, err := head('$')
		if err != nil {
			return 0, err
		}
		if off += size + 2; off > len(b) {
			return 0, errPart
		}
	}
	return off, nil
}
