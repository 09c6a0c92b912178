package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// maxThreads is how many passes run at once unless the user says otherwise: one per type.
const maxThreads = 6

// dump makes the whole dump, or goes on with one. It returns a LeftOut error if keys were
// left out.
func dump(ctx context.Context, o dumpOptions, log io.Writer) error {
	s, err := reader.Open(ctx, o.reader)
	if err != nil {
		return refusedAtOpen(err, o.server.Password)
	}
	src := s.Source()
	options, err := choose(s, &o)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "source: Pika %s at %s, role %s, %d database(s)\n", src.Version, src.Address, src.Role, src.Databases)
	w, err := start(&o, format.NewInfo("pikadump "+command.Version, time.Now(), src.Source, options), log)
	if errors.Is(err, archive.ErrFinished) {
		fmt.Fprintln(log, err)
		return nil
	}
	if err != nil {
		return refusedOutput(err, o.out)
	}
	defer w.Close()
	passes, err := plan(w, &o)
	if err != nil {
		return err
	}
	if err := scanAll(ctx, s, w, passes, &o, log); err != nil {
		return fmt.Errorf("%w (%s holds an unfinished dump: --resume goes on with it)", err, o.out)
	}
	after, err := s.BinlogPositions(ctx)
	if err != nil {
		return err
	}
	m, err := w.Finish(after, src.ManyTypes() && len(options.Types) > 1)
	if err != nil {
		return err
	}
	return summarize(log, m, o.out)
}

// choose returns what of the source is dumped.
func choose(s *reader.Scanner, o *dumpOptions) (format.Options, error) {
	src := s.Source()
	options := format.Options{Types: s.Types(o.filter.Types), Match: o.filter.Match}
	if len(options.Types) == 0 {
		return options, command.Usage("--type: Pika %s has no streams", src.Version)
	}
	for _, db := range o.filter.DBs {
		if db >= src.Databases {
			return options, command.Usage("--db %d: the source has %d database(s), numbered from 0", db, src.Databases)
		}
	}
	for db := range src.Databases {
		if o.filter.DB(db) {
			options.Databases = append(options.Databases, db)
		}
	}
	return options, nil
}

// start begins the dump, or goes on with it.
func start(o *dumpOptions, info format.Info, log io.Writer) (*archive.Writer, error) {
	ao := archive.Options{ChunkBytes: o.chunkBytes, Level: o.level}
	if !o.resume {
		return archive.Create(o.out, info, ao)
	}
	w, err := archive.Resume(o.out, info, ao, func(text string) { fmt.Fprintln(log, text) })
	if err == nil && w.Resumed() != "" {
		fmt.Fprintf(log, "resuming: %s\n", w.Resumed())
	}
	return w, err
}

// plan returns the passes over what no chunk covers yet.
func plan(w *archive.Writer, o *dumpOptions) ([]*reader.Pass, error) {
	var passes []*reader.Pass
	for _, db := range w.Info.Options.Databases {
		for _, t := range w.Info.Options.Types {
			gaps, err := w.Gaps(db, t)
			if err != nil {
				return nil, err
			}
			for _, g := range gaps {
				p := reader.NewPass(db, t, g.Start, g.End)
				p.Prefix, p.Keep = o.filter.Prefix(), o.filter.Key()
				passes = append(passes, p)
			}
		}
	}
	return passes, nil
}

// threads returns how many passes run at once.
func threads(o *dumpOptions, src *reader.Source) int {
	if o.threads > 0 {
		return o.threads
	}
	n := maxThreads
	if src.ThreadPool > 0 {
		n = min(n, src.ThreadPool/2)
	}
	return max(1, n)
}

// counters are what the passes have handed over so far.
type counters struct {
	keys, bytes, rows atomic.Int64
}

// done returns the share of the source that has been handed over, by its own estimate of how many
// rows it holds; negative if there is none, or if not all is dumped.
func (n *counters) done(rows int64, f *filter.Filter) float64 {
	if rows == 0 || f.DBs != nil || f.Types != nil || f.Match != "" {
		return -1
	}
	return min(0.99, float64(n.rows.Load())/float64(rows))
}

// scanAll makes all passes.
func scanAll(ctx context.Context, s *reader.Scanner, w *archive.Writer, passes []*reader.Pass, o *dumpOptions, log io.Writer) error {
	var n counters
	if !o.quiet {
		rows, err := s.EstimateRows(ctx)
		if err != nil {
			return err
		}
		defer progress.Start(log, func() progress.Snapshot {
			return progress.Snapshot{Keys: n.keys.Load(), Bytes: n.bytes.Load(), Done: n.done(rows, &o.filter)}
		})()
	}
	sched := newSchedule(passes, s.Split)
	g, ctx := errgroup.WithContext(ctx)
	for range threads(o, s.Source()) {
		g.Go(func() error {
			for {
				pass, err := sched.next(ctx)
				if pass == nil {
					return err
				}
				if err := scanOne(ctx, s, w, pass, &n); err != nil {
					return err
				}
				sched.done(pass)
			}
		})
	}
	return g.Wait()
}

// scanOne makes one pass into a segment of the dump.
func scanOne(ctx context.Context, s *reader.Scanner, w *archive.Writer, pass *reader.Pass, n *counters) error {
	seg := w.Segment(pass.DB, pass.Type, pass.Start)
	defer seg.Discard()
	if err := s.Scan(ctx, pass, &sink{seg, n}); err != nil {
		return err
	}
	return seg.Close(pass.End())
}

// sink puts what a pass finds into its segment.
type sink struct {
	seg *archive.Segment
	n   *counters
}

func (s *sink) Record(r *format.Record) error {
	if r.Part&format.PartFirst != 0 {
		s.n.keys.Add(1)
	}
	s.n.bytes.Add(int64(len(r.Key) + r.Size()))
	s.n.rows.Add(reader.Rows(r))
	return s.seg.Record(r)
}

func (s *sink) Skip(key []byte, reason reader.Reason, detail string) error {
	if reason == reader.Expired {
		return s.seg.Expire()
	}
	return s.seg.Skip(key, string(reason), detail)
}
