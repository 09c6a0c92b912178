package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"time"
)

// A Log takes a command's messages and the lines that show its progress. On a terminal a message
// comes above those lines, and stays; elsewhere each line begins with the time.
type Log struct {
	w    io.Writer
	size func() (width, height int) // of the terminal; nil: it is none
	now  func() time.Time

	mu    sync.Mutex
	frame []string // the lines of progress, the last of those on the terminal
	width int      // of the terminal when they were drawn
	shown bool     // they stand there, and the cursor below them
	open  bool     // the last message has not ended its line yet, as a question does not
}

// NewLog returns the log that goes to a file such as stderr.
func NewLog(f *os.File) *Log {
	l := &Log{w: f, now: time.Now}
	if IsTerminal(f) {
		l.size = func() (width, height int) { return terminalSize(f) }
	}
	return l
}

const (
	usualWidth  = 80
	usualHeight = 24
)

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
		if l.size != nil && !l.open {
			line = atWords(line, l.columns())
		} else if !l.open {
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

// Beside returns what writes to w, such as stdout, which is the terminal of l as well: what is
// written comes above the lines of progress. If one of both is no terminal it returns w.
func (l *Log) Beside(w io.Writer) io.Writer {
	if l.size == nil || !IsTerminal(w) {
		return w
	}
	return &beside{l, w}
}

type beside struct {
	l *Log
	w io.Writer
}

func (b *beside) Unwrap() io.Writer { return b.w }

func (b *beside) Write(p []byte) (int, error) {
	l := b.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	var out bytes.Buffer
	l.wipe(&out)
	_, _ = l.w.Write(out.Bytes())
	n, err := b.w.Write(p)
	out.Reset()
	l.open = p[len(p)-1] != '\n'
	l.redraw(&out)
	_, _ = l.w.Write(out.Bytes())
	return n, err
}

// say writes a line of progress that stays, with the time in front of it; or as it is.
func (l *Log) say(line string, asIs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !asIs {
		line = l.now().Format(stamp) + line
	}
	_, _ = fmt.Fprintln(l.w, line) // nobody reads it any more: that stops nothing
}

// draw shows lines in the place of those before; none wipes them.
func (l *Log) draw(frame []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out bytes.Buffer
	if width := l.columns(); len(frame) == 0 || width != l.width {
		l.wipe(&out)
		l.width = width
	} else {
		l.up(&out) // and over what stands there, which does not flicker
	}
	l.frame = frame
	l.redraw(&out)
	_, _ = l.w.Write(out.Bytes()) // a terminal that is gone stops nothing
}

// forget leaves what stands on the terminal where it is: the shell has written below it.
func (l *Log) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = false
}

// up goes to where the lines begin.
func (l *Log) up(out *bytes.Buffer) {
	if !l.shown {
		return
	}
	fmt.Fprintf(out, "\r\x1b[%dA", l.rows())
	l.shown = false
}

// wipe clears row by row: tmux keeps what is cleared from the top of the screen on in one.
func (l *Log) wipe(out *bytes.Buffer) {
	if !l.shown {
		return
	}
	out.WriteByte('\r')
	for range l.rows() {
		out.WriteString("\x1b[1A\x1b[2K")
	}
	l.shown = false
}

func (l *Log) redraw(out *bytes.Buffer) {
	if len(l.frame) == 0 || l.open {
		return
	}
	// A terminal can be narrower than it has told yet, as in tmux for a while: then the lines are
	// cut, not wrapped, so that the cursor ends where it was.
	out.WriteString("\x1b[?7l")
	for _, line := range l.frame {
		out.WriteString(line + "\x1b[K\n")
	}
	out.WriteString("\x1b[J\x1b[?7h")
	l.shown = true
}

func (l *Log) columns() int {
	if l.size == nil {
		return usualWidth
	}
	width, _ := l.size()
	return width
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// rows returns how many rows of the terminal the lines take: in one that was made narrower since
// they were drawn they are wrapped.
func (l *Log) rows() (rows int) {
	width := l.columns()
	for _, line := range l.frame {
		n := len(colours.ReplaceAllString(line, ""))
		rows += max(1, (n+width-1)/width)
	}
	return rows
}
