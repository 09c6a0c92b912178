// Package pace slows a run down: to so many keys and bytes a second, to windows of the day, and
// while the source (Latency) or the target (Adaptive) answers more slowly than it did at the
// start. Connections opens more of them while the source answers as fast as before.
//
//	p := pace.New(o)
//	rest, err := p.Wait(ctx)     // before a page is read
//	p.Done(keys, bytes, took)    // when it was
//
// It never drops anything, and connects to no server: it is given what measures.
package pace

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// Options of a Pacer. What is zero does not slow anything down.
type Options struct {
	Keys    int64 // per second
	Bytes   int64 // per second
	Windows []Window
	Latency *Latency
	// Say is told of each pause and of its end.
	Say func(string)
	// Meter is told of each wait, and why.
	Meter *progress.Meter
}

// A Pacer says when the next flight of commands may go. All passes of a run share one.
type Pacer struct {
	o Options

	mu     sync.Mutex
	keys   *rate.Limiter // nil: no limit. For each use the clock is read under mu: it never goes back
	bytes  *rate.Limiter
	paused bool
}

// New returns a Pacer.
func New(o Options) *Pacer {
	o.Meter.Limit(o.Keys, o.Bytes)
	return &Pacer{o: o, keys: newLimiter(o.Keys), bytes: newLimiter(o.Bytes)}
}

func newLimiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	// The bucket holds what a quarter of a second allows.
	return rate.NewLimiter(rate.Limit(perSecond), int(max(1, perSecond/4)))
}

// pauseStep is how long a pause lasts before its reason is looked at again, at most.
const pauseStep = time.Minute

// Wait returns when a flight may go, and how long that took.
func (p *Pacer) Wait(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	for {
		now := time.Now()
		reason, why, wait := p.pause(now)
		p.say(why)
		if why == "" {
			if wait = p.debt(); wait == 0 {
				return now.Sub(start), nil
			}
		}
		over := p.o.Meter.Wait(reason, why)
		err := retry.Sleep(ctx, min(wait, pauseStep))
		over()
		if err != nil {
			return 0, err
		}
	}
}

// Done takes what a flight brought off what may come in this second and the next.
func (p *Pacer) Done(keys, bytes int, _ time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	spend(p.keys, now, keys)
	spend(p.bytes, now, bytes)
}

func spend(l *rate.Limiter, now time.Time, n int) {
	for l != nil && n > 0 {
		part := min(n, l.Burst()) // more at once it does not take
		l.ReserveN(now, part)
		n -= part
	}
}

// debt returns how long it takes to make up for what was spent beyond what there was.
func (p *Pacer) debt() (wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, l := range []*rate.Limiter{p.keys, p.bytes} {
		if l != nil {
			wait = max(wait, l.ReserveN(now, 0).DelayFrom(now))
		}
	}
	return wait
}

// pause returns why nothing may go now, empty if it may, and for how long at least.
func (p *Pacer) pause(now time.Time) (reason, why string, wait time.Duration) {
	if opens := untilOpen(p.o.Windows, now); opens > 0 {
		return progress.Window, fmt.Sprintf("paused until %s: it is outside of --window", now.Add(opens).Format("15:04")), opens
	}
	if p.o.Latency != nil {
		if why := p.o.Latency.pause(); why != "" {
			return progress.LatencyGuard, why, pingEvery
		}
	}
	return progress.RateLimit, "", 0
}

// say tells once why all passes stand still, and once that they go on.
func (p *Pacer) say(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if (why != "") == p.paused || p.o.Say == nil {
		return
	}
	p.paused = why != ""
	if !p.paused {
		why = "going on"
	}
	p.o.Say(why)
}
