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
		if err := b.pause(b.work, n, err); err != nil {
			return err
		}
	}
}

// pause waits before another try, when so many have failed in a row, unless ctx ends, or that of
// the bucket; or it returns the error of the last, if no other can mend that.
func (b *Bucket) pause(ctx context.Context, failed int, err error) error {
	most := firstTries
	if b.reached.Load() {
		most = tries
	}
	if !errors.Is(err, ErrUnavailable) || failed >= most {
		return err
	}
	select {
	case <-time.After(b.wait << (failed - 1)):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	case <-b.ctx.Done():
		return fmt.Errorf("%w (%w)", context.Cause(b.ctx), err)
	}
}
