package dumpreport

import (
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

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

type sheet struct {
	Caption string
	Wide    bool // it fills the width
	Head    []cell
	Rows    []*line

	classes []string // of the cells of each column
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

// marks stand before the head of a column, and say what it has. Extra is not on narrow screens.
var marks = map[byte]string{'#': "number", '~': "number extra", '-': "extra", '=': "name", '@': "time", '|': "bar"}

// sheet returns a table of these columns without rows.
func (m *maker) sheet(caption string, columns ...string) *sheet {
	s := &sheet{Caption: m.say(caption)}
	for _, title := range columns {
		head, class := "", ""
		for ; title != "" && marks[title[0]] != ""; title = title[1:] {
			class = strings.TrimSpace(class + " " + marks[title[0]])
			if strings.Contains("#~-", title[:1]) {
				head = class
			}
		}
		s.Head = append(s.Head, cell{Text: m.say(title), Class: head})
		s.classes = append(s.classes, class)
	}
	return s
}

// add adds a row of texts, numbers and bars.
func (s *sheet) add(values ...any) *line {
	l := &line{}
	for i, v := range values {
		c := cell{Class: s.classes[i]}
		switch v := v.(type) {
		case string:
			c.Text = v
		case int64:
			c.Text = progress.Count(v)
		case []segment:
			c.Bar = v
		}
		l.Cells = append(l.Cells, c)
	}
	s.Rows = append(s.Rows, l)
	return l
}

// The levels of notes.
const (
	good = "good"
	warn = "warn"
	bad  = "bad"
)

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func took(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return progress.Duration(d)
}
