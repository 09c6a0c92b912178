package dump

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A scan reads what the dump, or the shard, does not have yet.
type scan struct {
	s        *reader.Scanner
	w        *archive.Writer
	o        *Options
	throttle *Throttle
	n        counters
	counting bool // the source counts its keys meanwhile
	phase    string
	// into returns what takes the keys of a type from start on, in place of a segment; nil: they go
	// into the dump.
	into func(db int, t format.Type, start []byte) segment
}

func (c *scan) segment(db int, t format.Type, start []byte) segment {
	if c.into != nil {
		return c.into(db, t, start)
	}
	return c.w.Segment(db, t, start)
}

func (c *scan) sink(seg segment, db int, t format.Type) *sink {
	return &sink{seg, &c.n, c.o.Meter, partOf(c.o.Meter, db, t)}
}

// run makes the passes, and lists by SCAN what no range lists.
func (c *scan) run(ctx context.Context) error {
	passes, err := c.passes()
	if err != nil {
		return err
	}
	split := c.s.Split
	if c.o.Selection.LimitKeys > 0 {
		split = nil // each pass has its own count
	}
	sched := newSchedule(passes, split, c.o.SplitKeys)
	workers := Threads(c.o.Threads, c.s.Source())
	switch {
	case c.s.ByCursor():
		workers = 1
	case c.throttle.connections != nil:
		sched.resize(workers)
		workers = maxThreads
	}
	defer c.o.Meter.Begin(c.phase, workers)()
	if err := c.expect(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	scanning, over := context.WithCancel(ctx)
	defer over()
	g.Go(func() error { return c.throttle.Watch(scanning, sched.resize) })
	g.Go(func() error { c.watchBinlog(scanning); return nil })
	g.Go(func() error { Observe(scanning, c.o.Meter, c.s); return nil })
	g.Go(func() error { c.expectCounted(scanning); return nil })
	var working sync.WaitGroup
	working.Add(workers)
	for i := range workers {
		g.Go(func() error {
			defer working.Done()
			return c.work(ctx, sched, i)
		})
	}
	g.Go(func() error { working.Wait(); over(); return nil })
	if err := g.Wait(); err != nil {
		return err
	}
	for _, db := range c.w.Info.Options.Databases {
		for _, t := range c.w.Info.Options.Types { // also of those that needed no pass
			c.o.Meter.Done(partOf(c.o.Meter, db, t))
		}
	}
	if found := c.n.hyperloglogs.Load(); found > 0 && c.into == nil {
		c.o.Summary.Note(fmt.Sprintf("this run found %s, of up to about %s: their registers are in the dump, but no other server can go on counting with them. "+
			"kvload load leaves them out (exit code 3), or stores their bytes with --hyperloglog string",
			progress.Plural(found, "hyperloglog", "hyperloglogs"), progress.Plural(c.n.members.Load(), "member", "members")))
	}
	return nil
}

// work makes passes until there are none left, as a worker of that number.
func (c *scan) work(ctx context.Context, sched *schedule, number int) error {
	if c.s.ByCursor() {
		for _, db := range c.w.Info.Options.Databases {
			pass := c.o.Selection.pass(reader.NewPass(db, "", nil, nil), c.o.Selection.LimitKeys)
			if err := c.scanCursor(ctx, pass); err != nil {
				return err
			}
		}
	}
	for {
		pass, err := sched.next(ctx, number)
		if pass == nil {
			return err
		}
		if err := c.make(ctx, pass); err != nil {
			return err
		}
		if sched.done(pass) {
			c.o.Meter.Done(partOf(c.o.Meter, pass.DB, pass.Type))
		}
	}
}

// passes returns those over what no chunk covers yet. Strings come first, for they are mostly the
// most: what begins last is split at the end, and a 4.0 walks over all types for each part.
func (c *scan) passes() ([]*reader.Pass, error) {
	var first, passes []*reader.Pass
	for _, db := range c.w.Info.Options.Databases {
		for _, t := range c.w.Info.Options.Types {
			if c.s.ByCursor() && t != format.TypeStream {
				continue // see scanCursor
			}
			gaps, err := c.w.Gaps(db, t)
			if err != nil {
				return nil, err
			}
			if c.o.Shard != nil {
				gaps = c.o.Shard.gaps(gaps, db, t)
			}
			left := c.o.Selection.LimitKeys
			if left > 0 {
				left -= c.w.Holding(db, t).Keys
			}
			for _, g := range gaps { // one at most if there is a limit
				if c.o.Selection.LimitKeys > 0 && left <= 0 { // there are enough keys
					if err := c.w.Segment(db, t, g.Start).Close(g.End); err != nil {
						return nil, err
					}
					continue
				}
				to := &passes
				if t == format.TypeString {
					to = &first
				}
				*to = append(*to, c.o.Selection.pass(reader.NewPass(db, t, g.Start, g.End), left))
			}
		}
	}
	return append(first, passes...), nil
}

// make makes one pass into a segment.
func (c *scan) make(ctx context.Context, pass *reader.Pass) error {
	seg := c.segment(pass.DB, pass.Type, pass.Start)
	defer seg.Discard()
	limit := pass.Limit
	err := c.s.Scan(ctx, pass, c.sink(seg, pass.DB, pass.Type))
	for errors.Is(err, archive.ErrTakenBack) && ctx.Err() == nil {
		if s, ok := seg.(*archive.Segment); ok && limit > 0 {
			pass.Limit = limit - s.Sealed()
		}
		pass.Restart(seg.Start())
		err = c.s.Scan(ctx, pass, c.sink(seg, pass.DB, pass.Type))
	}
	if err != nil {
		// What came before is kept, if the disk still takes it: a resumed dump continues after it.
		_ = seg.Checkpoint()
		return err
	}
	return seg.Close(pass.End())
}

// scanCursor lists the keys of a database by SCAN into a segment of each type.
func (c *scan) scanCursor(ctx context.Context, pass *reader.Pass) error {
	sinks := map[format.Type]*sink{}
	for _, t := range c.w.Info.Options.Types {
		if t != format.TypeStream {
			seg := c.segment(pass.DB, t, nil)
			defer seg.Discard()
			sinks[t] = c.sink(seg, pass.DB, t)
		}
	}
	err := c.s.ScanCursor(ctx, pass, func(t format.Type) reader.Sink {
		if s := sinks[t]; s != nil {
			return s
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range sinks {
		if err := s.seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}

// counters are what the passes have handed over so far.
type counters struct {
	byKeys                bool         // work is keys, not rows
	hyperloglogs, members atomic.Int64 // how many, and of the largest
}

func (n *counters) hyperloglog(members int64) {
	n.hyperloglogs.Add(1)
	for {
		most := n.members.Load()
		if members <= most || n.members.CompareAndSwap(most, members) {
			return
		}
	}
}

// A segment takes what a pass finds: into the dump, or to compare it with its base.
type segment interface {
	Record(*format.Record) error
	Skip(key []byte, reason, detail string) error
	Expire() error
	Drop(key []byte, reason string) error
	Start() []byte
	Close(end []byte) error
	Checkpoint() error
	Discard()
}

// sink puts what a pass finds into its segment.
type sink struct {
	seg   segment
	n     *counters
	meter *progress.Meter
	part  *progress.Counter
}

func (s *sink) Record(r *format.Record) error {
	keys := int64(0)
	if r.Part&format.PartFirst != 0 {
		keys = 1
	}
	work := keys
	if !s.n.byKeys {
		work = reader.Rows(r)
	}
	s.part.Add(keys, int64(len(r.Key)+r.Size()), work)
	s.part.AddElements(int64(r.Elements()))
	if r.Kind == format.HyperLogLog {
		s.n.hyperloglog(reader.Estimate(r.Value))
	}
	return s.seg.Record(r)
}

func (s *sink) Skip(key []byte, reason reader.Reason, detail string) error {
	s.meter.LeftOut(string(reason), 1)
	if reason == reader.Expired {
		return s.seg.Expire()
	}
	return s.seg.Skip(key, string(reason), detail)
}

// Drop takes back a key that changed while it was read in pieces.
func (s *sink) Drop(key []byte, reason reader.Reason) error {
	if reason == reader.Expired { // where its chunk is made anew it does not come again
		return s.seg.Drop(key, string(reader.DeletedOrExpired))
	}
	return s.seg.Drop(key, string(reader.Gone))
}
