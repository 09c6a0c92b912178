package load

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/admin"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Observe tells a Meter how a target fares, until ctx ends. That it does not tell ends nothing. It
// returns how many looks at the storage there were, and how many found that writes were held back.
func Observe(ctx context.Context, m *progress.Meter, t *target.Target) (looks, delayed int) {
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
		if looks++; h.Delayed || h.Stopped {
			delayed++
		}
		return progress.Load{Ops: float64(h.Ops), CPUSeconds: h.CPUSeconds, Memory: h.Memory, Disk: h.Disk, Stalls: h.Stalls, Notes: h.Notes()}, nil
	})
	return looks, delayed
}
