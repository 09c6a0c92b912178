package progress

import "time"

// leastLeft is over how many seconds the speed is averaged that the time left goes by; later it is
// a third of the time so far.
const leastLeft = 30.0

// Limit says how many keys and bytes a second may come at most; 0: no limit.
func (m *Meter) Limit(keys, bytes int64) { m.set(func() { m.mostKeys, m.mostBytes = keys, bytes }) }

// left returns how long the rest takes; nil: that cannot be told yet, or while all stands still.
func (m *Meter) left(now time.Time, done, rest int64, elapsed float64) *float64 {
	perSecond := m.workRate.at(now, float64(done), max(leastLeft, elapsed/3))
	if elapsed < 3 || perSecond <= 0 || rest <= 0 || m.ended {
		return nil
	}
	for reason, w := range m.waits {
		if w.now > 0 && (reason == Window || reason == Chunks) {
			return nil // nobody knows when it goes on, or how much comes
		}
	}
	return new(float64(rest) / perSecond)
}

// limited returns how many seconds the limits make of the rest of a part at least: of the keys that
// are expected, else of as many as its work so far has had.
func (m *Meter) limited(c *Counter, p *Part) (seconds float64) {
	share := float64(max(0, p.Whole-p.Work)) / float64(max(1, p.Work))
	keys := share * float64(p.Keys)
	if all := c.wholeKeys.Load(); all > 0 && p.State == Running {
		keys = float64(max(0, all-p.Keys))
	}
	if m.mostKeys > 0 {
		seconds = keys / float64(m.mostKeys)
	}
	if m.mostBytes > 0 {
		seconds = max(seconds, share*float64(p.Bytes)/float64(m.mostBytes))
	}
	return seconds
}
