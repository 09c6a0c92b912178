// Package retry decides whether an operation that failed is tried again, and after which wait.
//
//	b := retry.Policy{For: 5 * time.Minute, Kind: kind, Say: say}.Start()
//	for err := try(); err != nil; err = try() {
//		if err := b.Wait(ctx, err, progress); err != nil {
//			return err // it is not retried
//		}
//	}
//
// It never runs the operation itself: each loop has more to do between two attempts.
package retry

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Kind says what is done after an error.
type Kind int

const (
	// Fatal errors are not retried.
	Fatal Kind = iota
	// Transient errors are retried after waits that grow.
	Transient
	// Doubtful errors are retried after the shortest wait, but only a few times in a row.
	Doubtful
)

// Waits between two attempts grow from the first to the last.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// mostDoubtful is how many times in a row a Doubtful error is retried.
const mostDoubtful = 3

// ErrGivenUp: it was retried for long enough.
var ErrGivenUp = errors.New("given up")

// A Policy says which errors are retried, and for how long.
type Policy struct {
	For  time.Duration                       // give up after this long without progress; 0: never retry
	Kind func(error) Kind                    // what an error is
	Say  func(err error, wait time.Duration) // is told of each retry; nil: nobody is
}

// A Backoff is one loop of attempts. It is for one goroutine.
type Backoff struct {
	Policy
	since    time.Time // of the first failure without progress
	wait     time.Duration
	doubtful int
}

// Start returns the Backoff of a new loop.
func (p Policy) Start() *Backoff { return &Backoff{Policy: p} }

// Next returns how long to wait after an error, or the error if it is not retried. Progress says
// that something was done since the error before: then the waits begin anew.
func (b *Backoff) Next(err error, progress bool) (time.Duration, error) {
	if progress || b.since.IsZero() {
		b.since, b.wait = time.Now(), firstWait
	}
	if progress {
		b.doubtful = 0
	}
	wait := b.wait
	switch kind := b.Kind(err); {
	case kind == Doubtful && b.doubtful < mostDoubtful:
		b.doubtful++
		wait = firstWait
	case kind != Transient || b.For == 0:
		return 0, err
	case time.Since(b.since) >= b.For:
		return 0, fmt.Errorf("%w after %v without progress (--retry-for): %w", ErrGivenUp, b.For, err)
	default:
		b.wait = min(2*b.wait, lastWait)
	}
	if b.Say != nil {
		b.Say(err, wait)
	}
	return wait, nil
}

// Wait waits after an error until it is time to try again, or returns the error if it is not
// retried.
func (b *Backoff) Wait(ctx context.Context, err error, progress bool) error {
	wait, err := b.Next(err, progress)
	if err != nil {
		return err
	}
	return Sleep(ctx, wait)
}

// Sleep waits, and returns the cause if the context ends before.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
