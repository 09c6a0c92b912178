package loadchain

import (
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// behind says how far the target is behind the source, by whose clock delta n is of a time.
func (f *follower) behind(n int) {
	m, c := f.done, f.Summary.Chain
	lag := max(0, time.Since(m.Delta.Until)+time.Duration(m.Source.ClockDifference)*time.Millisecond)
	if m.Delta.Last {
		lag = 0 // nothing was written since
	}
	c.Number, c.Until, c.Last, c.Restarted, c.LagSeconds = n, m.Delta.Until, m.Delta.Last, m.Delta.Restarted, lag.Seconds()
	f.lags.set(f.Target.Target.Addr, progress.Lag{Seconds: lag.Seconds(), Deltas: int64(c.Deltas)})
}

// lags tells a meter how far targets are behind: the longest of the times, the deltas of all.
type lags struct {
	meter *progress.Meter
	mu    sync.Mutex
	of    map[string]progress.Lag // by address
}

func (l *lags) set(addr string, lag progress.Lag) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[addr] = lag
	var all progress.Lag
	for _, one := range l.of {
		all.Seconds, all.Deltas = max(all.Seconds, one.Seconds), all.Deltas+one.Deltas
	}
	l.meter.Behind(all)
}
