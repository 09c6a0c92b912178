package dumpreport

import (
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

// share writes a part of all bytes.
func (m *maker) share(part int64) string { return share(part, m.s.Bytes) }

func share(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	percent := 100 * float64(part) / float64(whole)
	if part > 0 && percent < 0.1 {
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// sizeClass names a class of sizes.
func (m *maker) sizeClass(c stats.Class) string {
	if c.To == 0 {
		return m.say("%s and more", progress.Bytes(c.From))
	}
	return m.say("below %s", progress.Bytes(c.To))
}

// lengthClass names a class of numbers of elements.
func (m *maker) lengthClass(c stats.Class) string {
	switch {
	case c.To == 0:
		return m.say("%s and more", progress.Count(c.From))
	case c.From == 0:
		return m.say("0 or 1")
	}
	return m.say("%s to %s", progress.Count(c.From), progress.Count(c.To-1))
}

// ttlClass names a class of times to live.
func (m *maker) ttlClass(c stats.Class) string {
	switch {
	case c.From < 0:
		return m.say("expired by then")
	case c.To != 0:
		return m.say("less than %s", m.span(c.To))
	case c.From == 0:
		return m.say("does not expire")
	}
	return m.say("%s and more", m.span(c.From))
}

// units are those of times, the largest first.
var units = []struct {
	seconds   int64
	one, many string
}{
	{365 * 86400, "year", "years"}, {86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"},
	{1, "second", "seconds"},
}

// span writes seconds in the largest unit that divides them.
func (m *maker) span(seconds int64) string {
	u := units[0]
	for i := 1; seconds%u.seconds != 0; i++ {
		u = units[i]
	}
	n, unit, _ := strings.Cut(progress.Plural(seconds/u.seconds, u.one, u.many), " ")
	return m.say("%s "+unit, n)
}
