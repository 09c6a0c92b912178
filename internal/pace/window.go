package pace

import (
	"fmt"
	"strings"
	"time"
)

// A Window is a part of each day, in the time zone of the host. One whose end comes before its
// start crosses midnight.
type Window struct{ start, end minute }

// A minute of a day: from 0 to 24 × 60, which is midnight at its end.
type minute int

const dayMinutes = 24 * 60

// ParseWindow reads a window such as 23:00-06:00.
func ParseWindow(s string) (Window, error) {
	from, to, ok := strings.Cut(s, "-")
	start, err1 := parseMinute(from)
	end, err2 := parseMinute(to)
	if !ok || err1 != nil || err2 != nil || start == dayMinutes {
		return Window{}, fmt.Errorf("window %q: it is written as 23:00-06:00, in local time", s)
	}
	if start == end {
		return Window{}, fmt.Errorf("window %q ends when it begins", s)
	}
	return Window{start, end}, nil
}

func parseMinute(s string) (minute, error) {
	s = strings.TrimSpace(s)
	if s == "24:00" {
		return dayMinutes, nil
	}
	t, err := time.Parse("15:04", s)
	return minute(t.Hour()*60 + t.Minute()), err
}

// covers reports whether the window is open at that time.
func (w Window) covers(t time.Time) bool {
	m := minute(t.Hour()*60 + t.Minute())
	if w.start < w.end {
		return w.start <= m && m < w.end
	}
	return m >= w.start || m < w.end
}

// untilOpen returns how long it is until one of the windows opens; 0 if one is open, or
// there are none.
func untilOpen(windows []Window, now time.Time) time.Duration {
	var least time.Duration
	for _, w := range windows {
		if w.covers(now) {
			return 0
		}
		opens := w.opening(now, 0)
		if !opens.After(now) {
			opens = w.opening(now, 1)
		}
		if d := opens.Sub(now); least == 0 || d < least {
			least = d
		}
	}
	return least
}

// opening returns when the window opens on the day so many days after that of t.
func (w Window) opening(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, int(w.start)/60, int(w.start)%60, 0, 0, t.Location())
}
