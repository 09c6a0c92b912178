package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How often and how long a request is tried. The library of S3 tries three times each time.
const (
	tries       = 8
	firstTries  = 3 // while nothing has succeeded yet: the address may be wrong
	defaultWait = 500 * time.Millisecond
	// stalled is how long nothing may move before a request is given up.
	stalled = time.Minute
	// stalledAtEnd is the same when the run is told to stop: schedulers kill after 30 s.
	stalledAtEnd = 10 * time.Second
)

// try runs f until it succeeds, or fails in a way that another try cannot mend. It is not tried
// again when the context of the bucket has ended.
func (b *Bucket) try(op, name string, f func(context.Context) error) error {
	wait := b.wait
	for n := 1; ; n++ {
		err := f(b.work)
		if err == nil {
			b.reached.Store(true)
			return nil
		}
		if ended := context.Cause(b.work); ended != nil {
			return fmt.Errorf("%w (%s %s: %w)", ended, op, b.Path(name), err)
		}
		err = b.failure(op, name, b.explained(b.work, err))
		if !errors.Is(err, ErrUnavailable) || n >= b.tries() {
			return err
		}
		if stopped := b.pause(b.ctx, wait); stopped != nil {
			return fmt.Errorf("%w (%w)", stopped, err)
		}
		wait *= 2
	}
}

func (b *Bucket) tries() int {
	if b.reached.Load() {
		return tries
	}
	return firstTries
}

// pause waits, unless ctx ends, or that of the bucket.
func (b *Bucket) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}
