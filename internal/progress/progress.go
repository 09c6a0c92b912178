// Package progress shows how far a run is: a line that is redrawn on a terminal, and a line
// now and then elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A Point is how far a run is at one moment.
type Point struct {
	Keys  int64
	Bytes int64   // read or written so far
	Done  float64 // share of the whole that is done, 0 to 1; negative: not known
	Note  string  // what else is worth knowing; may be empty
}

// How often a line is written.
const (
	terminalInterval = 500 * time.Millisecond
	logInterval      = 10 * time.Second
)

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Start shows progress on w until stop is called, which may be done more than once and waits for
// the last line. Snapshot is called from another goroutine. W is a Log, or records what goes to one
// (logging.Log), or takes lines as one that is no terminal does.
func Start(w io.Writer, snapshot func() Point) (stop func()) {
	if r, ok := w.(interface{ Messages() io.Writer }); ok {
		w = r.Messages()
	}
	l, ok := w.(*Log)
	if !ok {
		l = &Log{w: w, now: time.Now}
	}
	interval := logInterval
	if l.width != nil {
		interval = terminalInterval
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		show(l, interval, snapshot, quit)
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}

func show(l *Log, interval time.Duration, snapshot func() Point, quit <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var rate float64 // keys a second, smoothed
	first := snapshot()
	last, lastTime := first, start
	for {
		select {
		case <-quit:
			l.draw("")
			return
		case now := <-tick.C:
			s := snapshot()
			r := float64(s.Keys-last.Keys) / now.Sub(lastTime).Seconds()
			if rate == 0 {
				rate = r
			}
			rate += 0.3 * (r - rate)
			last, lastTime = s, now
			l.draw(Line(s, max(0, first.Done), rate, now.Sub(start)))
		}
	}
}

// Line is what is shown of a snapshot. Before is the share of the whole that earlier runs had done.
func Line(s Point, before, rate float64, elapsed time.Duration) string {
	var b strings.Builder
	if s.Done >= 0 {
		fmt.Fprintf(&b, "%5.1f%%  ", 100*min(s.Done, 1))
	}
	fmt.Fprintf(&b, "%s keys  %s  %s keys/s  %s", Count(s.Keys), Bytes(s.Bytes), Count(int64(rate)), Duration(elapsed))
	if own := s.Done - before; own > 0.005 && s.Done < 1 && elapsed > 2*time.Second {
		left := time.Duration(float64(elapsed) * (1 - s.Done) / own)
		fmt.Fprintf(&b, ", about %s left", Duration(left))
	}
	if s.Note != "" {
		b.WriteString(", " + s.Note)
	}
	return b.String()
}

// Count writes a number with its thousands set apart.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural writes a number with what it counts: one of it, or many.
func Plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(int64(n)) + " " + many
}

const units = "KMGTPE"

// Bytes writes a size in the unit that suits it.
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1024, 0
	for ; size >= 1023.95 && unit < len(units)-1; unit++ { // what would round to 1024.0
		size /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}

// Duration writes a time to the second.
func Duration(d time.Duration) string {
	return d.Round(time.Second).String()
}
