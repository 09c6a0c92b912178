package dumpreport

import (
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

type content struct{ ID, Title string }

// A verdict is a line of what matters most, with the section that says more.
type verdict struct{ Level, ID, Title, Text string }

type figure struct{ What, Number string }

// A note is something to know. Its level is good, warn, bad or empty.
type note struct {
	Level, Title string
	Text         []string
	Table        *sheet
}

// A pair is a chart for wide screens and for narrow ones.
type pair[T any] struct{ Wide, Narrow T }

// A sheet is a table.
type sheet struct {
	Caption string
	Small   bool // it does not fill the width
	Head    []cell
	Rows    []line
}

// Short reports whether a sheet stays on one page of a print.
func (s *sheet) Short() bool { return len(s.Rows) <= 16 }

type line struct {
	Cells []cell
	Class string // all: of the sum; zero: there is nothing
}

type cell struct {
	Text, Class string
	Bar         []segment
}

// A segment of a bar is in thousandths of its width.
type segment struct {
	X, W  float64
	Class string
}

// The classes of cells.
const (
	number = "number"
	extra  = "number extra" // not on narrow screens
	name   = "name"
	barred = "bar"
)

// The levels of notes.
const (
	good = "good"
	warn = "warn"
	bad  = "bad"
)

// moment writes a time.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func took(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return progress.Duration(d)
}
