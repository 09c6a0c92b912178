package progress

import (
	"regexp"
	"strconv"
	"strings"
)

// A screen is a terminal as far as a Log needs one: it wraps what is too long, and wraps it anew
// when its width changes, as tmux and most others do.
type screen struct {
	width, height int
	lines         []string // as they were written; the cursor is in the last, or so many rows above it
	row           int      // of the cursor, in lines
	above         int      // rows of the line that are above the cursor
}

func newScreen(width, height int) *screen {
	return &screen{width: width, height: height, lines: []string{""}}
}

func (s *screen) size() (int, int) { return s.width, s.height }

var escape = regexp.MustCompile(`^\x1b\[\??(\d*)([A-Za-z])`)

// rows returns how many rows a line takes.
func (s *screen) rows(line string) int { return max(1, (len(line)+s.width-1)/s.width) }

func (s *screen) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		m := escape.FindStringSubmatch(text)
		switch {
		case m != nil:
			text = text[len(m[0]):]
			s.escape(m[2], m[1])
			continue
		case text[0] == '\n':
			if s.row++; s.row == len(s.lines) {
				s.lines = append(s.lines, "")
			}
		case text[0] == '\r': // the cursor only moves from the beginning of a line
		default: // until the line is cleared or ends, it is written over
			n := strings.IndexAny(text, "\r\n\x1b")
			if n < 0 {
				n = len(text)
			}
			s.lines[s.row] = text[:n]
			text = text[n:]
			continue
		}
		text = text[1:]
	}
	return len(p), nil
}

func (s *screen) escape(command, number string) {
	n, _ := strconv.Atoi(number)
	switch command {
	case "A":
		for range n {
			if s.above > 0 {
				s.above--
				continue
			}
			if s.row--; s.row < 0 {
				panic("above the top")
			}
			s.above = s.rows(s.lines[s.row]) - 1
		}
	case "J":
		s.lines = s.lines[:s.row+1]
		s.lines[s.row] = ""
	case "K":
		if number == "2" && s.above == 0 {
			s.lines = append(s.lines[:s.row], "") // nothing stands below
		}
	case "m", "l", "h":
	default:
		panic("unknown escape " + command)
	}
}

func (s *screen) String() string { return strings.Join(s.lines, "\n") }
