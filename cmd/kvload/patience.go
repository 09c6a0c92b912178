package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Waits between two attempts grow from the first to the last.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// mostUnequal is how many times in a row a key is written anew that does not look as it was left: what was
// in flight may have been run in part, or late where the target does not tell (writer.Fence), but not often.
const mostUnequal = 3

// patience decides whether it is worth trying again.
type patience struct {
	limit   time.Duration // without progress
	since   time.Time     // of the first failure without progress
	wait    time.Duration
	unequal int
}

// after returns how long to wait after an error, and whether to try again at all. Progress says
// that something was loaded since the error before.
func (p *patience) after(err error, progress bool) (time.Duration, bool) {
	if progress || p.since.IsZero() {
		*p = patience{limit: p.limit, since: time.Now(), wait: firstWait, unequal: p.unequal}
		if progress {
			p.unequal = 0
		}
	}
	switch {
	case errors.Is(err, writer.ErrUnequal):
		p.unequal++
		return firstWait, p.unequal <= mostUnequal
	case !errors.Is(err, writer.ErrTransient), time.Since(p.since) >= p.limit:
		return 0, false
	}
	wait := p.wait
	p.wait = min(2*p.wait, lastWait)
	return wait, true
}

// exhausted is the error when it is not worth it any more.
func (p *patience) exhausted(err error) error {
	if errors.Is(err, writer.ErrTransient) && p.limit > 0 {
		return fmt.Errorf("given up after %v without progress (--retry-for): %w", p.limit, err)
	}
	return err
}

// again returns what a Visitor asks whether to try again.
func (o *loadOptions) again(log io.Writer) writer.RetryFunc {
	p := patience{limit: o.retryFor}
	return func(ctx context.Context, err error, progress bool) error {
		wait, ok := p.after(err, progress)
		if !ok {
			return p.exhausted(err)
		}
		o.retries.Say(log, err, wait)
		return writer.Sleep(ctx, wait)
	}
}

// pause waits, and lets the watchdog know that this is meant.
func (c *carrier) pause(ctx context.Context, wait time.Duration) error {
	c.pausing.Store(true)
	defer c.pausing.Store(false)
	return writer.Sleep(ctx, wait)
}
