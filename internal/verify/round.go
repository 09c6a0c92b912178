package verify

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// Rounds compares units with n workers that are like w. Each round after the first reads again what
// differed in the one before: what was changed just while it was read is no difference. They share
// memory for giant records.
func Rounds(ctx context.Context, w Worker, units []archive.Unit, n, rounds int) (err error) {
	if w.Memory == nil {
		w.Memory = archive.NewMemory(archive.GiantBytes)
	}
	workers := make([]*Worker, min(n, max(1, len(units))))
	for i := range workers {
		own := w
		workers[i] = &own
	}
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.Close())
		}
	}()
	jobs := newJobs(units)
	for i := 1; i <= rounds && len(jobs) > 0; i++ {
		if jobs, err = round(ctx, workers, jobs, i < rounds); err != nil {
			return err
		}
	}
	return nil
}

// round does the jobs, as many at once as there are workers, and returns those of the next round.
func round(ctx context.Context, workers []*Worker, jobs []job, again bool) ([]job, error) {
	var (
		mu   sync.Mutex
		next []job
		work = make(chan job)
	)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(work)
		for _, j := range jobs {
			select {
			case work <- j:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for _, w := range workers {
		g.Go(func() error {
			for j := range work {
				n, more, err := w.do(ctx, j, again)
				if err != nil {
					return err
				}
				if more {
					mu.Lock()
					next = append(next, n)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	err := g.Wait()
	return next, err
}
