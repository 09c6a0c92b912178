package load

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A board shows the loads into several targets in one log: their lines, each after the address of
// its target, and one line of progress for all.
type board struct {
	log  io.Writer
	rows []*targetRow

	mu sync.Mutex // guards what is written to the log, and the rows
}

// A targetRow is what the board knows of one target. It is the log of its load.
type targetRow struct {
	b    *board
	addr string

	part     []byte                // of a line that is not written yet
	snapshot func() progress.Point // nil: nothing is loaded now
	last     progress.Point
	over     bool
	code     int
	err      error
}

func newBoard(addrs []string, log io.Writer) *board {
	b := &board{log: log}
	for _, addr := range addrs {
		b.rows = append(b.rows, &targetRow{b: b, addr: addr})
	}
	return b
}

// start shows the progress of all until stop is called.
func (b *board) start(quiet bool) (stop func()) {
	if quiet {
		return func() {}
	}
	return progress.Start(b.log, b.sum)
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

// follow shows the progress of a load as part of that of all.
func (r *targetRow) follow(snapshot func() progress.Point) (stop func()) {
	set := func(f func() progress.Point) {
		r.b.mu.Lock()
		defer r.b.mu.Unlock()
		if r.snapshot != nil {
			r.last = r.snapshot()
		}
		r.snapshot = f
	}
	set(snapshot)
	return sync.OnceFunc(func() { set(nil) })
}

// sum is the progress of all targets that have not failed, and which is the last of them.
func (b *board) sum() progress.Point {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all progress.Point
	var last *targetRow
	going, done, failed := 0, 0, 0
	for _, r := range b.rows {
		if r.snapshot != nil {
			r.last = r.snapshot()
		}
		all.Keys += r.last.Keys
		all.Bytes += r.last.Bytes
		switch {
		case !r.over:
			going++
			all.Done += min(r.last.Done, 1)
			if last == nil || r.last.Done < last.last.Done {
				last = r
			}
		case r.err == nil:
			done++
			all.Done++
		default:
			failed++
		}
	}
	all.Done /= float64(max(1, going+done))
	var notes []string
	if last != nil {
		notes = append(notes, fmt.Sprintf("last at %.0f%%: %s", 100*min(last.last.Done, 1), last.addr))
		if last.last.Note != "" {
			notes = append(notes, last.last.Note)
		}
	}
	if done > 0 {
		notes = append(notes, fmt.Sprintf("%d done", done))
	}
	if failed > 0 {
		notes = append(notes, fmt.Sprintf("%d failed", failed))
	}
	all.Note = strings.Join(notes, ", ")
	return all
}

// oneLine is the text of an error as it stands in the log.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
