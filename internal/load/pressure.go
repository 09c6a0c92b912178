package load

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/admin"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Observe tells a Meter how a target fares, until ctx ends. That it does not tell ends nothing.
func Observe(ctx context.Context, m *progress.Meter, t *target.Target) {
	(&pressure{}).observe(ctx, m, t)
}

// A pressure is how the target's storage bears the load.
type pressure struct {
	looks, delayed int // at the storage, and those that found writes held back
}

func (p *pressure) observe(ctx context.Context, m *progress.Meter, t *target.Target) {
	var ob *admin.Observer
	defer func() {
		if ob != nil {
			ob.Close()
		}
	}()
	m.Watch(ctx, progress.Target, t.Addr, func(ctx context.Context) (progress.Load, error) {
		if ob == nil {
			var err error
			if ob, err = admin.NewObserver(ctx, t); err != nil {
				return progress.Load{}, err
			}
		}
		h, err := ob.Look(ctx)
		if err != nil {
			ob.Close()
			ob = nil // the next look connects again
			return progress.Load{}, err
		}
		if p.looks++; h.Delayed || h.Stopped {
			p.delayed++
		}
		return progress.Load{Ops: float64(h.Ops), CPUSeconds: h.CPUSeconds, Memory: h.Memory, Disk: h.Disk, Stalls: h.Stalls, Notes: h.Notes()}, nil
	})
}
