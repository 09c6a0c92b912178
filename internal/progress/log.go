package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// A Log takes a command's messages and its line of progress. On a terminal a message takes the
// place of that line, which is drawn again below it; elsewhere each line begins with the time.
type Log struct {
	w     io.Writer
	width func() int // of the terminal; nil: it is none
	now   func() time.Time

	mu   sync.Mutex
	line string // of progress that stands on the terminal
	open bool   // the last message has not ended its line yet, as a question does not
}

// NewLog returns the log that goes to a file such as stderr.
func NewLog(f *os.File) *Log {
	l := &Log{w: f, now: time.Now}
	if IsTerminal(f) {
		l.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return width
		}
	}
	return l
}

// stamp is the form of the time at the beginning of a line.
const stamp = "2006-01-02 15:04:05 "

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	var out bytes.Buffer
	l.wipe(&out)
	for line := range bytes.Lines(p) {
		if l.width == nil && !l.open {
			out.WriteString(l.now().Format(stamp))
		}
		out.Write(line)
		l.open = line[len(line)-1] != '\n'
	}
	l.redraw(&out)
	if _, err := l.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw shows a line of progress: on a terminal in the place of the one before; empty wipes it.
func (l *Log) draw(line string) {
	if l.width == nil {
		if line != "" {
			fmt.Fprintln(l, line)
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out bytes.Buffer
	l.wipe(&out)
	if n := l.width(); n > 1 && len(line) >= n { // what is wrapped cannot be wiped; lines are of ASCII
		line = line[:n-1]
	}
	l.line = line
	l.redraw(&out)
	_, _ = l.w.Write(out.Bytes()) // a terminal that is gone stops nothing
}

func (l *Log) wipe(out *bytes.Buffer) {
	if l.line != "" && !l.open {
		out.WriteString("\r\x1b[K")
	}
}

func (l *Log) redraw(out *bytes.Buffer) {
	if l.line != "" && !l.open {
		out.WriteString(l.line)
	}
}
