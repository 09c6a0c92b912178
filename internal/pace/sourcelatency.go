package pace

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

const (
	// pingEvery is how often the latency is measured.
	pingEvery = time.Second
	// startPings is how many measurements before the run give the start value, their median.
	startPings = 7
	// recentPings is how many measurements give the latency of now, their median: a single
	// slow answer is none of the run's making.
	recentPings = 3
	// leastStart is what the start value is at least: below it every hiccup is a multiple.
	leastStart = 2 * time.Millisecond
	// mostFailures is how many measurements in a row may fail before the run does.
	mostFailures = 10
)

// A Latency tells by measuring whether a server answers more slowly than it did at the start.
type Latency struct {
	factor float64
	ping   func(context.Context) (time.Duration, error)

	start  time.Duration
	recent []time.Duration
	slow   atomic.Int64 // latency of now if it is too high, or -1 if there is no answer; 0: all is well
}

// NewLatency returns a Latency that finds the server slow when ping takes more than factor
// times as long as at the start.
func NewLatency(factor float64, ping func(context.Context) (time.Duration, error)) *Latency {
	return &Latency{factor: factor, ping: ping}
}

// Begin measures the start value, and returns it.
func (l *Latency) Begin(ctx context.Context) (time.Duration, error) {
	start, err := measure(ctx, l.ping)
	if err != nil {
		return 0, fmt.Errorf("measure the source's latency: %w", err)
	}
	l.start = max(leastStart, start)
	l.recent = slices.Repeat([]time.Duration{l.start}, recentPings)
	return l.start, nil
}

// measure returns the median of some pings.
func measure(ctx context.Context, ping func(context.Context) (time.Duration, error)) (time.Duration, error) {
	var took []time.Duration
	for range startPings {
		d, err := ping(ctx)
		if err != nil {
			return 0, err
		}
		took = append(took, d)
	}
	return median(took), nil
}

// Watch measures until the context ends, and then returns nil. It fails when the server has
// not answered for long.
func (l *Latency) Watch(ctx context.Context) error {
	failures := 0
	for {
		if retry.Sleep(ctx, pingEvery) != nil {
			return nil
		}
		d, err := l.ping(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			l.saw(d)
		default:
			if failures++; failures == mostFailures {
				return fmt.Errorf("measure the source's latency: %w", err)
			}
			l.slow.Store(-1)
		}
	}
}

func (l *Latency) saw(d time.Duration) {
	if len(l.recent) == recentPings {
		l.recent = slices.Delete(l.recent, 0, 1)
	}
	l.recent = append(l.recent, d)
	now := median(l.recent)
	if now <= l.limit() {
		now = 0
	}
	l.slow.Store(int64(now))
}

// limit is the latency above which the run pauses.
func (l *Latency) limit() time.Duration { return time.Duration(l.factor * float64(l.start)) }

// pause returns why the run is to stand still; empty if it may go on.
func (l *Latency) pause() string {
	switch slow := time.Duration(l.slow.Load()); {
	case slow < 0:
		return "paused: the source does not answer PING"
	case slow > 0:
		return fmt.Sprintf("paused: the source answers PING in %v, with --max-latency-factor it may be %v", slow.Round(time.Microsecond), l.limit())
	}
	return ""
}
