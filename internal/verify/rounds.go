package verify

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
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

// A job is a part of a dump that is compared.
type job struct {
	unit  archive.Unit
	names *Names // only these keys of it; nil: all
}

// newJobs makes a job of each unit.
func newJobs(units []archive.Unit) []job {
	jobs := make([]job, len(units))
	for i, u := range units {
		jobs[i].unit = u
	}
	return jobs
}

// A Worker compares one part of a dump after the other, over one connection per database.
type Worker struct {
	Archive *archive.Archive
	Keep    func(key []byte) bool // nil: all keys
	Connect func(ctx context.Context, db int) (Server, error)
	Options *Options
	Tally   *Tally
	Meter   *progress.Meter // counts the first round, by database and type; work is bytes of chunk files
	Memory  *archive.Memory // for giant records, of all workers; nil: not bounded

	checkers map[int]*Checker
}

// do compares a part. If again is set, and keys differ, it returns the job of the next round,
// which any worker can do.
func (w *Worker) do(ctx context.Context, j job, again bool) (next job, more bool, err error) {
	db := j.unit[0].DB
	c := w.checkers[db]
	if c == nil {
		server, err := w.Connect(ctx, db)
		if err != nil {
			return job{}, false, err
		}
		c = NewChecker(server, db, w.Options, w.Tally)
		if w.checkers == nil {
			w.checkers = map[int]*Checker{}
		}
		w.checkers[db] = c
	}
	src := &kept{UnitSource: w.Archive.OpenUnit(j.unit), keep: w.Keep}
	if j.names == nil {
		src.part = w.Meter.Part(progress.Name{DB: db, Type: string(j.unit[0].Type)})
	}
	defer src.Close()
	if w.Memory != nil {
		src.Bound(ctx, w.Memory)
	}
	names, err := c.Check(ctx, src, j.names, again)
	if err == nil && src.part != nil {
		src.part.UnitDone()
		w.Meter.Chunk(int64(len(j.unit)))
	}
	if err != nil || names.Empty() {
		return job{}, false, err
	}
	return job{j.unit, &names}, true, nil
}

// Close closes the connections. What the jobs of the next round need goes with it.
func (w *Worker) Close() error {
	var errs []error
	for _, c := range w.checkers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// kept leaves out the keys that the user does not want, and counts what is read.
type kept struct {
	*archive.UnitSource
	keep    func([]byte) bool
	part    *progress.Counter // nil: it is counted already
	counted int64
}

func (s *kept) Next() (*format.Record, error) {
	for {
		r, err := s.UnitSource.Next()
		if now := s.UnitSource.Read(); now != s.counted && s.part != nil {
			s.part.Add(0, 0, now-s.counted)
			s.counted = now
		}
		if err != nil {
			return nil, err
		}
		if r.Kind != format.Deleted && (s.keep == nil || s.keep(r.Key)) {
			if s.part != nil {
				s.part.Add(int64(r.Part&format.PartFirst), int64(len(r.Key)+r.Size()), 0)
				s.part.AddElements(int64(r.Elements()))
			}
			return r, nil
		}
	}
}
