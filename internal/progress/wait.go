package progress

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A wait is how long connections have waited for a reason.
type wait struct {
	now    int
	total  float64 // seconds up to changed
	since  time.Time
	detail string
	rate   speed
}

func (w *wait) advance(now time.Time) {
	w.total += float64(w.now) * now.Sub(w.since).Seconds()
	w.since = now
}

// Wait says that a connection waits, until over is called. Detail may say more than the reason.
func (m *Meter) Wait(reason, detail string) (over func()) {
	change := func(by int) {
		m.set(func() {
			w, now := m.waits[reason], m.now()
			if w == nil {
				w = &wait{since: now}
				w.rate.at(now, 0, rateTime)
				m.waits[reason] = w
			}
			w.advance(now)
			w.now = max(0, w.now+by) // a phase may have begun meanwhile
			w.detail = detail
		})
	}
	change(1)
	return func() { change(-1) }
}

func (m *Meter) waited(now time.Time) []Wait {
	waits := []Wait{}
	for _, reason := range slices.Sorted(maps.Keys(m.waits)) {
		w := m.waits[reason]
		if !m.ended {
			w.advance(now)
		}
		share := w.rate.at(now, w.total, rateTime) / float64(max(1, m.connections))
		one := Wait{Reason: reason, Seconds: w.total, Now: w.now, Share: min(1, share)}
		if w.now > 0 {
			one.Detail = w.detail
		}
		waits = append(waits, one)
	}
	slices.SortStableFunc(waits, func(a, b Wait) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return waits
}
