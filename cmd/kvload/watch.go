package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// errStalled: nothing moved any more.
var errStalled = errors.New("the load makes no progress")

// grace is how long a run that is to end waits for what is in flight.
const grace = 5 * time.Second

// watch ends a run that makes no progress, and cuts the connections of one that is to end and does
// not: a target that does not answer is not waited for. It returns when all is done.
func (r *loading) watch(ctx context.Context, done <-chan struct{}) error {
	tick := time.NewTicker(max(r.o.stallTimeout/20, 10*time.Millisecond))
	defer tick.Stop()
	moved, since := r.moved.Load(), time.Now()
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
				r.abort()
			}
			return nil
		case now := <-tick.C:
			if n := r.moved.Load(); n != moved || r.rester.rests() || r.waits() || r.pauses() {
				moved, since = n, now
				continue
			}
			if r.o.stallTimeout > 0 && now.Sub(since) >= r.o.stallTimeout {
				err := r.stalled()
				r.cancel(err)
				r.abort()
				return err
			}
		}
	}
}

// waits reports whether all that has come is loaded, and more of the dump is waited for.
func (r *loading) waits() bool {
	return !slices.ContainsFunc(r.carriers, func(c *carrier) bool { return !c.waits() })
}

// pauses reports whether one waits to try again, which --retry-for bounds.
func (r *loading) pauses() bool {
	return slices.ContainsFunc(r.carriers, func(c *carrier) bool { return c.pausing.Load() })
}

// stalled says where each worker is.
func (r *loading) stalled() error {
	var where []string
	for _, c := range r.carriers {
		where = append(where, c.where())
	}
	return fmt.Errorf("%w: nothing has moved for %v (--stall-timeout); %s; look at the target and the network", errStalled, r.o.stallTimeout, strings.Join(where, "; "))
}

// abort cuts all connections.
func (r *loading) abort() {
	for _, c := range r.carriers {
		c.abort()
	}
}
