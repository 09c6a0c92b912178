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
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// maxThreads is how many passes run at once unless the user says otherwise: one per type.
const maxThreads = 6

// dump makes the whole dump, or goes on with one. It returns a LeftOut error if keys were
// left out.
func dump(ctx context.Context, o dumpOptions, log io.Writer) error {
	pacing := newPacing(&o.kindness, &o.reader, log)
	o.reader.Prefix = o.filter.Prefix()
	s, err := reader.Open(ctx, o.reader)
	if err != nil {
		return refusedAtOpen(err)
	}
	src := s.Source()
	options, err := choose(s, &o)
	if err == nil && o.share != nil {
		err = o.share.check(s, &options)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "source: Pika %s at %s, role %s, %s\n", src.Version, src.Address, src.Role, progress.Plural(src.Databases, "database", "databases"))
	w, err := start(ctx, &o, format.NewInfo("pikadump "+command.Version, time.Now(), src.Source, options), log)
	if errors.Is(err, archive.ErrFinished) {
		fmt.Fprintln(log, err)
		if o.share != nil {
			return nil
		}
		return finished(ctx, s, o, log)
	}
	if err != nil && o.stream == nil {
		remind(ctx, o.out, log)
		return refusedOutput(err, o.out)
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if w.Info.Source.RunID != src.RunID {
		fmt.Fprintln(log, "warning: the source was restarted since the dump began, or another one took its address: if its data are not those of the dump, stop, and dump into another directory")
	}
	warn(log, src, &o)
	warnListing(log, s, &o)
	if err := pacing.begin(ctx, s, log); err != nil {
		return err
	}
	if o.stream != nil {
		return complete(ctx, s, w, pacing, &o, log)
	}
	if o.share != nil {
		return completeShare(ctx, s, w, pacing, &o, log)
	}
	return withCache(ctx, s, &o, log, func() error { return complete(ctx, s, w, pacing, &o, log) })
}

// sameRun reports whether the source is known to run since the dump began. One without a run id is not known to (SERVERS.md P8).
func sameRun(w *archive.Writer, src *reader.Source) bool {
	return w.Info.Source.RunID == src.RunID && (src.RunID != "" || !w.Resumed())
}

// read reads what the dump, or the share, does not have yet.
func read(ctx context.Context, s *reader.Scanner, w *archive.Writer, pacing *pacing, o *dumpOptions, log io.Writer) error {
	passes, err := plan(w, o)
	if err != nil {
		return err
	}
	if err := scanAll(ctx, s, w, passes, pacing, o, log); err != nil {
		return notFinished(err, s, o)
	}
	return nil
}

// complete reads what the dump does not have yet, and finishes it.
func complete(ctx context.Context, s *reader.Scanner, w *archive.Writer, pacing *pacing, o *dumpOptions, log io.Writer) error {
	counts := startCounts(ctx, s, w, o)
	defer counts.stop()
	if err := read(ctx, s, w, pacing, o, log); err != nil {
		return err
	}
	m, err := finish(ctx, s, w, counts, log)
	if err != nil {
		return notFinished(err, s, o)
	}
	err = summarize(log, m, o)
	if o.consistent {
		err = requireNoWrites(m, err)
	}
	return err
}

// finish finishes the dump, of which all is read.
func finish(ctx context.Context, s *reader.Scanner, w *archive.Writer, counts *sourceCounts, log io.Writer) (*format.Manifest, error) {
	after, err := s.BinlogPositions(ctx)
	if err != nil {
		return nil, err
	}
	if s.Restarted() {
		fmt.Fprintln(log, "warning: the source was restarted during the dump: whether something was written meanwhile cannot be told")
	}
	if !sameRun(w, s.Source()) {
		after = []format.BinlogPosition{}
	}
	m, err := w.Draft(after)
	if err == nil {
		err = counts.hold(ctx, m, log)
	}
	if err != nil {
		return nil, err
	}
	return m, w.FinishAs(m, s.Source().ManyTypes() && len(m.Options.Types) > 1)
}

// completeShare reads what the share does not have yet.
func completeShare(ctx context.Context, s *reader.Scanner, w *archive.Writer, pacing *pacing, o *dumpOptions, log io.Writer) error {
	if err := read(ctx, s, w, pacing, o, log); err != nil {
		return err
	}
	if err := w.Sealed(); err != nil {
		return notFinished(err, s, o)
	}
	fmt.Fprintf(log, "share %s is done: %s; when all are, the same command with --resume in place of --plan and --shard finishes the dump\n", o.share, w.Holds())
	return nil
}

// warn says what to know of the source before it is read.
func warn(log io.Writer, src *reader.Source, o *dumpOptions) {
	known := *src
	if o.cacheOff {
		known.CacheModel = "0"
	}
	for _, text := range warnings(&known) {
		fmt.Fprintf(log, "warning: %s\n", text)
	}
}

// finished does what may be left to do for a dump that is finished already, and ends as the run that finished it: that one may
// have been killed before it could say so.
func finished(ctx context.Context, s *reader.Scanner, o dumpOptions, log io.Writer) error {
	dir, err := storage.Create(ctx, o.out, o.storage)
	if err != nil {
		return err
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	o.cacheOff = false
	return withCache(ctx, s, &o, log, func() error {
		a, err := archive.Open(ctx, o.out, 1, o.keys.Identities...)
		if err != nil {
			return err
		}
		defer a.Close()
		err = leftOut(a.Manifest, &o)
		if o.consistent {
			err = requireNoWrites(a.Manifest, err)
		}
		return err
	})
}

// choose returns what of the source is dumped.
func choose(s *reader.Scanner, o *dumpOptions) (format.Options, error) {
	src := s.Source()
	options := format.Options{Types: s.Types(o.filter.Types), Match: o.filter.Match, Sample: o.trial.sample.Share(), LimitKeys: o.trial.limit, Scan: scanWord(s)}
	if len(options.Types) == 0 {
		return options, command.Usage("--type: Pika %s has no streams", src.Version)
	}
	for _, db := range o.filter.DBs {
		if db >= src.Databases {
			return options, command.Usage("--db %d: the source has %s, numbered from 0", db, progress.Plural(src.Databases, "database", "databases"))
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
func start(ctx context.Context, o *dumpOptions, info format.Info, log io.Writer) (*archive.Writer, error) {
	ao := archive.Options{ChunkBytes: o.chunkBytes, Level: o.level, Keys: o.keys, Uploads: o.uploads, Storage: o.storage}
	if o.stream != nil {
		return archive.CreateIn(o.stream, info, ao)
	}
	if o.share == nil && !o.resume {
		return archive.Create(ctx, o.out, info, ao)
	}
	tell := func(text string) { fmt.Fprintln(log, text) }
	var w *archive.Writer
	var err error
	if o.share != nil {
		w, err = archive.Join(ctx, o.out, info, o.share.Index, o.share.division, ao, tell)
	} else {
		w, err = archive.Resume(ctx, o.out, info, ao, tell)
	}
	if err == nil && w.Resumed() {
		fmt.Fprintf(log, "resuming: %s are there already\n", w.Holds())
	}
	return w, err
}

// plan returns the passes over what no chunk covers yet.
func plan(w *archive.Writer, o *dumpOptions) ([]*reader.Pass, error) {
	var passes []*reader.Pass
	for _, db := range w.Info.Options.Databases {
		for _, t := range w.Info.Options.Types {
			if w.Info.Options.Scan == format.ScanCursor && t != format.TypeStream {
				continue // see scanCursors
			}
			gaps, err := w.Gaps(db, t)
			if err != nil {
				return nil, err
			}
			if o.share != nil {
				gaps = o.share.gaps(gaps, db, t)
			}
			limit := o.trial.limit
			if limit > 0 {
				limit -= w.Keys(db, t)
			}
			for _, g := range gaps { // one at most if there is a limit
				if o.trial.limit > 0 && limit <= 0 { // there are enough keys
					if err := w.Segment(db, t, g.Start).Close(g.End); err != nil {
						return nil, err
					}
					continue
				}
				p := reader.NewPass(db, t, g.Start, g.End)
				p.Prefix, p.Keep, p.Limit = o.filter.Prefix(), o.trial.keep(o.filter.Key()), limit
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
	keys, bytes, rows     atomic.Int64
	hyperloglogs, members atomic.Int64 // how many, and of the largest
}

// done returns the share of the source that has been handed over, by its own estimate of how many
// rows it holds; negative if there is none, or if not all is dumped.
func (n *counters) done(rows int64, o *dumpOptions) float64 {
	f := &o.filter
	if rows == 0 || o.share != nil || !o.trial.all() || f.DBs != nil || f.Types != nil || f.Match != "" {
		return -1
	}
	return min(0.99, float64(n.rows.Load())/float64(rows))
}

// scanAll makes all passes.
func scanAll(ctx context.Context, s *reader.Scanner, w *archive.Writer, passes []*reader.Pass, pacing *pacing, o *dumpOptions, log io.Writer) error {
	var n counters
	if !o.quiet {
		rows, err := s.EstimateRows(ctx)
		if err != nil {
			return err
		}
		defer progress.Start(log, func() progress.Snapshot {
			return progress.Snapshot{Keys: n.keys.Load(), Bytes: n.bytes.Load(), Done: n.done(rows, o)}
		})()
	}
	sched := newSchedule(passes, s.Split, o.splitKeys)
	if o.trial.limit > 0 {
		sched.split = nil // each pass has its own count
	}
	g, ctx := errgroup.WithContext(ctx)
	scanning, over := context.WithCancel(ctx)
	defer over()
	g.Go(func() error { return pacing.watch(scanning) })
	workers := threads(o, s.Source())
	if s.ByCursor() {
		workers = 1
	}
	running := atomic.Int64{}
	running.Store(int64(workers))
	for range workers {
		g.Go(func() error {
			defer func() {
				if running.Add(-1) == 0 {
					over()
				}
			}()
			if err := scanCursors(ctx, s, w, o, &n); err != nil {
				return err
			}
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
	if err := g.Wait(); err != nil {
		return err
	}
	n.report(log)
	return nil
}

// scanOne makes one pass into a segment of the dump.
func scanOne(ctx context.Context, s *reader.Scanner, w *archive.Writer, pass *reader.Pass, n *counters) error {
	seg := w.Segment(pass.DB, pass.Type, pass.Start)
	defer seg.Discard()
	limit := pass.Limit
	err := s.Scan(ctx, pass, &sink{seg, n})
	for errors.Is(err, archive.ErrTakenBack) && ctx.Err() == nil {
		if limit > 0 {
			pass.Limit = limit - seg.Sealed()
		}
		pass.Restart(seg.Start())
		err = s.Scan(ctx, pass, &sink{seg, n})
	}
	if err != nil {
		// What came before is kept, if the disk still takes it: a resumed dump goes on behind it.
		_ = seg.Checkpoint()
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

// Drop takes back a key that changed while it was read in pieces.
func (s *sink) Drop(key []byte) error { return s.seg.Drop(key, string(reader.Gone)) }
