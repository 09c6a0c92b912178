package dumpreport

import (
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
