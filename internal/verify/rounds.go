package verify

import (
	"context"
	"errors"
	"slices"
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
	w.memory = archive.NewMemory(archive.GiantBytes)
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
	jobs := make([]job, len(units))
	for i, u := range units {
		jobs[i].unit = u
	}
	spared, err := all(ctx, workers, jobs, 1, rounds)
	if err == nil {
		spared, err = w.unproven(ctx, spared)
	}
	if err == nil && len(spared) > 0 {
		spared, err = round(ctx, workers, spared, true)
	}
	if err == nil {
		_, err = all(ctx, workers, spared, 2, rounds)
	}
	return err
}

// all makes the rounds from i on, and returns the jobs of the first of which keys were spared.
func all(ctx context.Context, workers []*Worker, jobs []job, i, rounds int) (spared []job, err error) {
	for ; i <= rounds && len(jobs) > 0; i++ {
		if jobs, err = round(ctx, workers, jobs, i < rounds); err != nil {
			return nil, err
		}
		for _, j := range jobs {
			if j.spared > 0 {
				spared = append(spared, j)
			}
		}
		jobs = slices.DeleteFunc(jobs, func(j job) bool { return j.names.Empty() })
		for i := range jobs {
			jobs[i].spared = 0
		}
	}
	return spared, nil
}

// unproven returns the jobs of which keys that were spared have to be asked for their expiry.
func (w *Worker) unproven(ctx context.Context, spared []job) ([]job, error) {
	for db, census := range w.Censuses {
		is := func(j job) bool { return j.unit[0].DB == db }
		if !slices.ContainsFunc(spared, is) {
			continue
		}
		if why := census.proves(ctx); ctx.Err() != nil {
			return nil, context.Cause(ctx)
		} else if why == nil {
			spared = slices.DeleteFunc(spared, is)
		} else if w.Asking != nil {
			w.Asking(db, why)
		}
	}
	return spared, nil
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
	// spared: of so many keys, from the first on, but for names, those are to be asked for their
	// expiry that have none in the dump. Zero: nothing was spared.
	spared int64
}

// A Worker compares one part of a dump after the other, over one connection per database.
type Worker struct {
	Archive *archive.Archive
	Keep    func(key []byte) bool // nil: all keys
	Connect func(ctx context.Context, db int) (Server, error)
	Options *Options
	Tally   *Tally
	Meter   *progress.Meter // counts the first round, by database and type; work is bytes of chunk files

	Censuses map[int]*Census         // by database; nil: no key is spared
	Asking   func(db int, why error) // is told why keys that were spared are asked; nil: nobody

	memory   *archive.Memory // for giant records, of all workers
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
		c.census = w.Censuses[db]
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
	src.Bound(ctx, w.memory)
	var names Names
	if j.spared > 0 {
		names, err = c.CheckExpiries(ctx, src, j.names, j.spared)
	} else {
		names, err = c.Check(ctx, src, j.names, again)
	}
	if err == nil && src.part != nil {
		src.part.UnitDone()
		w.Meter.Chunk(int64(len(j.unit)))
	}
	if err != nil || names.Empty() && c.spared == 0 {
		return job{}, false, err
	}
	return job{j.unit, &names, c.spared}, true, nil
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
