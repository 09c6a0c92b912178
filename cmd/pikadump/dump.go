package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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

// dump makes the whole dump. It returns a LeftOut error if keys were left out.
func dump(ctx context.Context, o dumpOptions, log io.Writer) error {
	s, err := reader.Open(ctx, o.reader)
	if err != nil {
		return refusedAtOpen(err, o.server.Password)
	}
	src := s.Source()
	passes, options, err := plan(s, &o)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "source: Pika %s at %s, role %s, %d database(s)\n", src.Version, src.Address, src.Role, src.Databases)
	info := format.NewInfo("pikadump "+command.Version, time.Now(), src.Source, options)
	w, err := archive.Create(o.out, info, archive.Options{ChunkBytes: o.chunkBytes, Level: o.level})
	if errors.Is(err, archive.ErrExists) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: --out %s cannot be written to: %w", reader.ErrRefused, o.out, err)
	}
	defer w.Close()
	if err := scanAll(ctx, s, w, passes, &o, log); err != nil {
		return fmt.Errorf("%w (%s holds an unfinished dump: remove it before you dump there again)", err, o.out)
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

// refusedAtOpen says what a failure of the first commands means: other credentials are
// needed, or there is no Pika that can be read.
func refusedAtOpen(err error, password string) error {
	var reply *reader.ReplyError
	if !errors.As(err, &reply) {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls), or be no Pika", err)
		}
		return err
	}
	switch {
	case reply.Command == "AUTH" && strings.Contains(reply.Reply, password):
		// A server that does not know AUTH shows its arguments.
		return fmt.Errorf("%w: the source does not take AUTH; is it a Pika?", reader.ErrAuth)
	case errors.Is(err, reader.ErrAuth) && strings.Contains(reply.Reply, "NOPERM"):
		return fmt.Errorf("%w: %w; is the password right? A Pika that has a limited user says OK to a wrong one", reader.ErrAuth, err)
	case errors.Is(err, reader.ErrAuth), errors.Is(err, reader.ErrRefused):
		return err
	}
	return fmt.Errorf("%w: %w; if this is a proxy, such as Codis, give the address of each Pika behind it", reader.ErrRefused, err)
}

// plan returns the passes that the options ask for.
func plan(s *reader.Scanner, o *dumpOptions) ([]reader.Pass, format.Options, error) {
	src := s.Source()
	options := format.Options{Types: s.Types(o.filter.Types), Match: o.filter.Match}
	if len(options.Types) == 0 {
		return nil, options, command.Usage("--type: Pika %s has no streams", src.Version)
	}
	for _, db := range o.filter.DBs {
		if db >= src.Databases {
			return nil, options, command.Usage("--db %d: the source has %d database(s), numbered from 0", db, src.Databases)
		}
	}
	var passes []reader.Pass
	for db := range src.Databases {
		if !o.filter.DB(db) {
			continue
		}
		options.Databases = append(options.Databases, db)
		for _, t := range options.Types {
			passes = append(passes, reader.Pass{DB: db, Type: t, Prefix: o.filter.Prefix(), Keep: o.filter.Key()})
		}
	}
	return passes, options, nil
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
func scanAll(ctx context.Context, s *reader.Scanner, w *archive.Writer, passes []reader.Pass, o *dumpOptions, log io.Writer) error {
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
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(threads(o, s.Source()))
	for _, pass := range passes {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return scanOne(ctx, s, w, pass, &n)
		})
	}
	return g.Wait()
}

// scanOne makes one pass into a segment of the dump.
func scanOne(ctx context.Context, s *reader.Scanner, w *archive.Writer, pass reader.Pass, n *counters) error {
	seg := w.Segment(pass.DB, pass.Type, pass.Start, pass.End)
	defer seg.Discard()
	if err := s.Scan(ctx, pass, &sink{seg, n}); err != nil {
		return err
	}
	return seg.Close()
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
