package load

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// A board shows the loads into several targets in one log: each line after the target's address.
type board struct {
	log  io.Writer
	rows []*targetRow

	mu sync.Mutex // guards what is written to the log, and the rows
}

// A targetRow is what the board knows of one target. It is the log of its load.
type targetRow struct {
	b    *board
	addr string

	part []byte // of a line that is not written yet
	code int
	err  error
}

func newBoard(addrs []string, log io.Writer) *board {
	b := &board{log: log}
	for _, addr := range addrs {
		b.rows = append(b.rows, &targetRow{b: b, addr: addr})
	}
	return b
}

// Write writes the lines of a load.
func (r *targetRow) Write(p []byte) (int, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	r.part = append(r.part, p...)
	for {
		line, rest, whole := bytes.Cut(r.part, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if _, err := fmt.Fprintf(r.b.log, "%s: %s\n", r.addr, line); err != nil {
			return 0, err
		}
		r.part = append(r.part[:0], rest...)
	}
}

// oneLine is the text of an error as it stands in the log.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
