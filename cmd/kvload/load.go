package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// load loads a whole dump. It returns a LeftOut error if something did not reach
// the target.
func load(ctx context.Context, o loadOptions, log io.Writer) (err error) {
	a, err := archive.Open(o.in, o.threads)
	if err != nil {
		return err
	}
	defer a.Close()
	units := a.Units(func(c format.ChunkInfo) bool { return o.filter.DB(c.DB) && o.filter.Type(c.Type) && c.Records > 0 })
	if o.writer.Places, err = places(&o, units); err != nil {
		return err
	}
	cs, err := readConflicts(a, &o.filter, o.conflict)
	if err != nil {
		return err
	}
	report := &leftOutReport{path: cmp.Or(o.report, "kvload-"+a.Manifest.Dump[:8]+"-left-out.jsonl")}
	o.writer.Rename, o.writer.Report = cs.rename, report.add
	start := time.Now()
	l, err := writer.Open(ctx, o.writer)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls)", err)
	}
	if err != nil {
		return err
	}
	t := l.Target()
	fmt.Fprintf(log, "target: %s %s at %s\n", t.Server, t.Version, t.Addr)
	if o.writer.OnExists == writer.Fail {
		if err := mustBeEmpty(ctx, l, &o); err != nil {
			return err
		}
	}
	if o.report != "" {
		if err := report.open(); err != nil {
			return fmt.Errorf("%w: --report: %w; give a file that can be written", errRefused, err)
		}
	}
	stats, err := loadUnits(ctx, a, l, units, &o, log)
	if err := errors.Join(err, report.close()); err != nil {
		return fmt.Errorf("%w (part of the dump is on the target: run again with --on-exists replace)", err)
	}
	err = summarize(log, stats, report, time.Since(start))
	if !o.verify || err != nil && !errors.As(err, new(*command.LeftOut)) {
		return err
	}
	return errors.Join(verifyLoaded(ctx, a, cs, &o, report, log), err)
}

// places returns where each database of the units goes. Databases are never merged.
func places(o *loadOptions, units []archive.Unit) (map[int]writer.Place, error) {
	dbs := map[int]bool{}
	for _, u := range units {
		dbs[u[0].DB] = true
	}
	sorted := slices.Sorted(maps.Keys(dbs))
	own := o.own()
	if o.mapDB == nil {
		switch len(sorted) {
		case 0:
			return map[int]writer.Place{0: own}, nil
		case 1:
			return map[int]writer.Place{sorted[0]: own}, nil
		}
		return nil, fmt.Errorf("%w: the dump has keys in databases %v, and Kvrocks has one keyspace per namespace: say where each goes, "+
			"as --map-db 0=default,1=TOKEN_VARIABLE, or load one of them with --db", errRefused, sorted)
	}
	chosen := map[int]writer.Place{}
	for _, db := range sorted {
		p, ok := o.mapDB[db]
		if !ok {
			return nil, fmt.Errorf("%w: the dump has keys in database %d, which --map-db does not name; add it, or leave it out with --db", errRefused, db)
		}
		chosen[db] = p
	}
	if len(chosen) == 0 {
		chosen[0] = own
	}
	return chosen, nil
}

// countLimit is up to how many keys of a target are counted to say how many it has.
const countLimit = 100_000

func mustBeEmpty(ctx context.Context, l *writer.Loader, o *loadOptions) error {
	for _, db := range slices.Sorted(maps.Keys(o.writer.Places)) {
		n, more, err := l.CountKeys(ctx, db, countLimit)
		if err != nil {
			return err
		}
		if n > 0 {
			count := progress.Count(int64(n))
			if more {
				count = "more than " + count
			}
			return fmt.Errorf("%w: the target %s holds %s keys already: choose --on-exists replace (overwrite keys of the same name) or "+
				"--on-exists skip (leave them as they are), or load into an empty namespace", errRefused, l.Target().Addr, count)
		}
	}
	return nil
}

// loadUnits loads the units, the largest first, over o.threads connections.
func loadUnits(ctx context.Context, a *archive.Archive, l *writer.Loader, units []archive.Unit, o *loadOptions, log io.Writer) (writer.Stats, error) {
	slices.SortStableFunc(units, func(x, y archive.Unit) int { return cmp.Compare(y.Stored(), x.Stored()) })
	total := int64(0)
	for _, u := range units {
		total += u.Stored()
	}
	t := &tally{}
	if !o.quiet {
		defer progress.Start(log, func() progress.Snapshot {
			s := t.sum()
			return progress.Snapshot{Keys: s.Keys + s.Expired, Bytes: t.read.Load(), Done: float64(t.read.Load()) / float64(max(1, total))}
		})()
	}
	work := make(chan archive.Unit)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(work)
		for _, u := range units {
			select {
			case work <- u:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range min(o.threads, len(units)) {
		g.Go(func() error {
			c := &carrier{a: a, l: l, o: o, t: t, workers: map[int]*writer.Worker{}}
			for u := range work {
				if err := c.load(ctx, u); err != nil {
					return err
				}
			}
			return c.close()
		})
	}
	err := g.Wait()
	return t.sum(), err
}

// A tally adds up what all workers have done.
type tally struct {
	read    atomic.Int64 // bytes of chunk files
	mu      sync.Mutex
	workers []*writer.Worker
}

func (t *tally) add(w *writer.Worker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.workers = append(t.workers, w)
}

func (t *tally) sum() (s writer.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.workers {
		s.Add(w.Stats())
	}
	return s
}

// A carrier loads units one after the other, over one connection per database.
type carrier struct {
	a       *archive.Archive
	l       *writer.Loader
	o       *loadOptions
	t       *tally
	workers map[int]*writer.Worker
}

func (c *carrier) load(ctx context.Context, u archive.Unit) error {
	db := u[0].DB
	w := c.workers[db]
	if w == nil {
		var err error
		if w, err = c.l.NewWorker(ctx, db); err != nil {
			return err
		}
		c.workers[db] = w
		c.t.add(w)
	}
	src := &source{UnitSource: c.a.OpenUnit(u), keep: c.o.filter.Key(), read: &c.t.read}
	defer src.Close()
	return w.Load(ctx, src)
}

func (c *carrier) close() error {
	var errs []error
	for _, w := range c.workers {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}

// source leaves out the keys that the user does not want, and counts the bytes read.
type source struct {
	*archive.UnitSource
	keep    func([]byte) bool
	read    *atomic.Int64
	counted int64
}

func (s *source) Next() (*format.Record, error) {
	for {
		r, err := s.UnitSource.Next()
		if now := s.Read(); now != s.counted {
			s.read.Add(now - s.counted)
			s.counted = now
		}
		if err != nil || s.keep == nil || s.keep(r.Key) {
			return r, err
		}
	}
}

// summarize shows what was loaded, and returns a LeftOut error if something was not.
func summarize(w io.Writer, s writer.Stats, report *leftOutReport, took time.Duration) error {
	fmt.Fprintf(w, "loaded %s keys with %s elements, %s, in %s\n", progress.Count(s.Keys), progress.Count(s.Elements),
		progress.Bytes(s.Bytes), progress.Duration(max(took, time.Second)))
	if s.Expired > 0 {
		fmt.Fprintf(w, "%s keys have expired since the dump and were left out\n", progress.Count(s.Expired))
	}
	if len(s.LeftOut) == 0 {
		return nil
	}
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(s.LeftOut)) {
		reasons = append(reasons, fmt.Sprintf("%s %s", progress.Count(s.LeftOut[r]), r))
	}
	return &command.LeftOut{Text: fmt.Sprintf("the load is done, but not everything is on the target (%s): see %s",
		strings.Join(reasons, ", "), report.path)}
}
