package load

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// ErrStalled: nothing moved any more.
var ErrStalled = exitcode.New(exitcode.TryAgain, "the load makes no progress")

// grace is how long a run that is to end waits for what is in flight.
const grace = 5 * time.Second

// A watchdog ends a run that makes no progress, and cuts the connections of one that is to end and
// does not: a target that does not answer is not waited for.
type watchdog struct {
	timeout time.Duration // without progress; 0: none
	moved   *atomic.Int64 // grows as long as anything goes on
	rests   func() bool   // a worker is slowed down, which is no stall
	workers []watched
	cancel  context.CancelCauseFunc
}

// watched is what a watchdog knows of a worker.
type watched interface {
	waits() bool   // it has nothing to load
	pauses() bool  // it waits to try again
	where() string // for an error
	abort()        // ends what it waits for
}

// watch returns when all is done.
func (d *watchdog) watch(ctx context.Context, done <-chan struct{}) error {
	tick := time.NewTicker(max(d.timeout/20, 10*time.Millisecond))
	defer tick.Stop()
	moved, since := d.moved.Load(), time.Now()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			end := time.NewTimer(grace)
			defer end.Stop()
			select {
			case <-done:
			case <-end.C:
				d.abort()
			}
			return nil
		case now := <-tick.C:
			if n := d.moved.Load(); n != moved || d.excused() {
				moved, since = n, now
				continue
			}
			if d.timeout > 0 && now.Sub(since) >= d.timeout {
				err := d.stalled()
				d.cancel(err)
				d.abort()
				return err
			}
		}
	}
}

// excused reports whether there is a reason that nothing moves: a worker is slowed down or waits to
// try again, or all that has come of the dump is loaded.
func (d *watchdog) excused() bool {
	return d.rests() || slices.ContainsFunc(d.workers, watched.pauses) ||
		!slices.ContainsFunc(d.workers, func(w watched) bool { return !w.waits() })
}

func (d *watchdog) stalled() error {
	var where []string
	for _, w := range d.workers {
		where = append(where, w.where())
	}
	return fmt.Errorf("%w: nothing has moved for %v (--stall-timeout); %s; look at the target and the network", ErrStalled, d.timeout, strings.Join(where, "; "))
}

func (d *watchdog) abort() {
	for _, w := range d.workers {
		w.abort()
	}
}
