package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lookEvery is how often the target is asked how its storage bears the load.
const lookEvery = 3 * time.Second

// observe looks at the target's storage while the load runs, for the line of progress. That it cannot
// is said once, and ends nothing.
func (r *loading) observe(ctx context.Context, done <-chan struct{}) {
	if err := r.look(ctx, done); err != nil && ctx.Err() == nil {
		r.pressure.Store(new(string))
		fmt.Fprintf(r.log, "warning: how the target's storage bears the load is not shown: %v\n", err)
	}
}

func (r *loading) look(ctx context.Context, done <-chan struct{}) (err error) {
	ob, err := r.l.NewObserver(ctx)
	if err != nil || ob == nil {
		return err
	}
	defer func() { err = errors.Join(err, ob.Close()) }()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		p, err := ob.Look(ctx)
		if err != nil {
			return err
		}
		text := p.String()
		r.pressure.Store(&text)
		r.looks++
		if p.Delayed || p.Stopped {
			r.delayed++
		}
		select {
		case <-tick.C:
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// sayDelayed tells, at the end, how often the target slowed the load down.
func (r *loading) sayDelayed() {
	if r.delayed > 0 {
		fmt.Fprintf(r.log, "the target held writes back in %d of %d looks at its storage: its compactions did not keep up (INFO rocksdb)\n", r.delayed, r.looks)
	}
}
