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

// A Snapshot is how far a run is at one moment.
type Snapshot struct {
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

// Start shows progress on w until stop is called, which may be done more than once and
// waits for the last line. Snapshot is called from another goroutine.
func Start(w io.Writer, snapshot func() Snapshot) (stop func()) {
	interval, tty := logInterval, IsTerminal(w)
	if tty {
		interval = terminalInterval
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		show(w, tty, interval, snapshot, quit)
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-done
	})
}

func show(w io.Writer, tty bool, interval time.Duration, snapshot func() Snapshot, quit <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var rate float64 // keys a second, smoothed
	last := snapshot()
	lastTime := start
	for {
		select {
		case <-quit:
			if tty {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			s := snapshot()
			r := float64(s.Keys-last.Keys) / now.Sub(lastTime).Seconds()
			if rate == 0 {
				rate = r
			}
			rate += 0.3 * (r - rate)
			last, lastTime = s, now
			line := Line(s, rate, now.Sub(start))
			if tty {
				fmt.Fprint(w, "\r\x1b[K", fit(w, line))
			} else {
				fmt.Fprintln(w, line)
			}
		}
	}
}

// fit cuts a line, of ASCII, that does not fit on the terminal: what is wrapped cannot be redrawn.
func fit(w io.Writer, line string) string {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 && len(line) >= width {
			return line[:width-1]
		}
	}
	return line
}

// Line is what is shown of a snapshot.
func Line(s Snapshot, rate float64, elapsed time.Duration) string {
	var b strings.Builder
	if s.Done >= 0 {
		fmt.Fprintf(&b, "%5.1f%%  ", 100*min(s.Done, 1))
	}
	fmt.Fprintf(&b, "%s keys  %s  %s keys/s  %s", Count(s.Keys), Bytes(s.Bytes), Count(int64(rate)), Duration(elapsed))
	if s.Done > 0.005 && s.Done < 1 && elapsed > 2*time.Second {
		left := time.Duration(float64(elapsed) * (1 - s.Done) / s.Done)
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
