package dumpreport

import (
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// maker makes a view.
type maker struct {
	*Page
	s *stats.Stats
}

func (m *maker) say(text string, args ...any) string { return m.Lang.say(text, args...) }

// count writes a number with what it counts.
func (m *maker) count(n int64, one, many string) string {
	if m.Lang == Chinese {
		return m.say("%s of "+many, progress.Count(n))
	}
	return progress.Plural(n, one, many)
}

// meaning says what a reason or a kind of difference means.
func (m *maker) meaning(table map[string]string, reason string) string {
	if m.Lang == Chinese {
		if zh, ok := chinese().Meanings[reason]; ok {
			return zh
		}
	}
	return table[reason]
}

// head returns the heads of columns: # begins those of numbers, ~ of numbers and - of texts that
// are not on narrow screens.
func (m *maker) head(columns ...string) (all []cell) {
	for _, c := range columns {
		class := ""
		switch {
		case strings.HasPrefix(c, "#"):
			c, class = c[1:], number
		case strings.HasPrefix(c, "~"):
			c, class = c[1:], extra
		case strings.HasPrefix(c, "-"):
			c, class = c[1:], "extra"
		}
		text := ""
		if c != "" {
			text = m.say(c)
		}
		all = append(all, cell{Text: text, Class: class})
	}
	return all
}
