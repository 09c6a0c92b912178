package dump

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/delta"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// compareSealAfter is what a comparison loses at most when it is killed.
const compareSealAfter = 30 * time.Second

// readDelta reads what has changed since the base. First a scan of each type is compared with it:
// what differs is noted in chunks beside the delta, which cover what was compared. Then the names
// are read in all types. So both can be resumed, and the delta has each name in every type, though
// each type is scanned by itself.
func (d *dumper) readDelta(ctx context.Context, counts *sourceCounts) error {
	tell := func(text string) { fmt.Fprintln(d.o.Log, text) }
	names, err := d.w.Beside(min(compareSealAfter, d.o.Archive.SealAfter), tell)
	if err != nil {
		return err
	}
	defer names.Close()
	c := &comparing{dumper: d, names: names, listed: map[int]listed{}}
	counts.found = func(_ *format.Manifest, db int) listed { return c.listed[db] }
	if d.w.Resumed() || names.Resumed() {
		counts.not = "not all was compared by this run"
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	return names.RemoveAll()
}

type comparing struct {
	*dumper
	names *archive.Writer // of what differs

	mu     sync.Mutex
	listed map[int]listed // by database
}

// run compares, and reads what differs, unless that was read already.
func (c *comparing) run(ctx context.Context) error {
	if read, err := c.isRead(); read || err != nil {
		return err
	}
	scan := scan{s: c.s, w: c.names, o: c.o, throttle: c.throttle, counting: c.counting, phase: "compare", into: c.into}
	if err := scan.run(ctx); err != nil {
		return err
	}
	differing, err := c.names.SoFar()
	if err != nil {
		return err
	}
	c.say(differing)
	return c.readNames(ctx, differing)
}

// isRead reports whether the delta has all names in all types: then nothing is left of the
// comparison.
func (c *comparing) isRead() (bool, error) {
	for _, db := range c.w.Info.Options.Databases {
		for _, t := range c.w.Info.Options.Types {
			if gaps, err := c.w.Gaps(db, t); len(gaps) > 0 || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// into returns what compares a pass over a type from start on.
func (c *comparing) into(db int, t format.Type, start []byte) segment {
	now := func() int64 { return c.s.Now().UnixMilli() }
	return delta.NewComparison(c.base.dumps, db, t, c.names.Segment(db, t, start), now, func(l delta.Listed) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.listed[db] == nil {
			c.listed[db] = listed{}
		}
		c.listed[db].add(t, l)
	})
}

// say says what the comparison, of all runs, came to.
func (c *comparing) say(differing *archive.Archive) {
	differ := int64(0)
	for _, t := range differing.Manifest.Totals {
		differ += t.Deleted
	}
	what := "the source was"
	if !c.names.Resumed() {
		keys := int64(0)
		for _, all := range c.listed {
			for _, l := range all {
				keys += l.Permanent + l.Expiring
			}
		}
		what = progress.Plural(keys, "key of the source was", "keys of the source were")
	}
	text := fmt.Sprintf("%s compared with the base: %s on one side only, or without a part or the expiry", what, progress.Plural(differ, "differs, is", "differ, are"))
	fmt.Fprintln(c.o.Log, text)
	c.o.Summary.Note(text)
}

// readNames reads the names that differ in all types.
func (c *comparing) readNames(ctx context.Context, differing *archive.Archive) error {
	threads := Threads(c.o.Threads, c.s.Source())
	defer c.o.Meter.Begin("read", threads)()
	defer c.o.Meter.Observe(ctx, func(ctx context.Context) { Observe(ctx, c.o.Meter, c.s) })()
	names := map[int]int64{}
	for _, t := range differing.Manifest.Totals {
		names[t.DB] += t.Deleted
	}
	for _, db := range c.w.Info.Options.Databases {
		for _, t := range c.w.Info.Options.Types {
			partOf(c.o.Meter, db, t).Expect(names[db])
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	watching, over := context.WithCancel(ctx)
	g.Go(func() error { return c.throttle.Watch(watching, func(int) {}) })
	g.Go(func() error {
		defer over()
		return delta.Read(ctx, delta.Options{Scanner: c.s, Writer: c.w, Names: delta.Differing(differing), Threads: threads, Meter: c.o.Meter})
	})
	return g.Wait()
}
