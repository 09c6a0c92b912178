package verify

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Round does the jobs, as many at once as there are workers, and returns those of the next round.
func Round(ctx context.Context, workers []*Worker, jobs []Job, again bool) ([]Job, error) {
	var (
		mu   sync.Mutex
		next []Job
		work = make(chan Job)
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
				n, more, err := w.Do(ctx, j, again)
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
