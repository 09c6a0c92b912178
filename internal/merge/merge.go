// Package merge makes a full dump of a base and the deltas that follow it.
//
//	r, err := merge.Run(ctx, merge.Options{Base: "base", Chain: "chain", Out: "new", Tool: "kvload 1.2"})
//	a, err := archive.Open(ctx, "new", 0) // a dump like any other
//
// Its id follows from those of the base and the last delta: who merges the same again takes up what
// a run that was killed has sealed. The package knows no server, and only reads what it merges.
package merge

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Options say what is merged, and what the new dump is like.
type Options struct {
	Base    string           // the full dump
	Chain   string           // its deltas, or one of them, which is then the last that is taken
	Out     string           // where the new dump goes
	Tool    string           // program and version
	Archive archive.Options  // of the new dump; its identities open base and chain, too
	Meter   *progress.Meter  // nil: nobody wants to know
	Summary *summary.Summary // takes what the run came to; nil: nobody wants to know
	Log     io.Writer        // is told what is taken up, and what is not taken
}

// A Result is what was merged.
type Result struct {
	Manifest *format.Manifest // of the new dump
	Base     string           // id of the base
	Deltas   []archive.Member // that are in it
	Rest     int              // deltas of the chain that are not: the last may be unfinished
	Done     bool             // an earlier run had finished it
}

// Run makes a dump at Out of what base and chain amount to, or finishes what a run that was killed
// has left there of it: of the deltas that there were then.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Summary == nil {
		o.Summary = summary.New("", "", "merge")
	}
	o.Summary.Dump.Place = summary.Place(o.Out)
	r, err := o.run(ctx)
	if err == nil {
		err = o.summarize(r)
	}
	return r, err
}

func (o *Options) run(ctx context.Context) (*Result, error) {
	s, err := o.sources(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{Base: s.base.Dump, Deltas: s.deltas, Rest: s.rest}
	begun, err := o.begun(ctx, s)
	if err != nil {
		return nil, err
	}
	if begun != nil {
		r.Deltas, r.Rest, r.Done = s.deltas[:begun.deltas], s.rest+len(s.deltas)-begun.deltas, begun.finished
	}
	if r.Done {
		a, err := archive.Open(ctx, o.Out, 1, o.Archive.Keys.Identities...)
		if err != nil {
			return nil, err
		}
		defer a.Close()
		r.Manifest = a.Manifest
		return r, nil
	}
	r.Manifest, err = o.merge(ctx, r)
	return r, err
}

// merge makes the dump.
func (o *Options) merge(ctx context.Context, r *Result) (*format.Manifest, error) {
	a, err := archive.OpenChain(ctx, o.Base, r.Deltas, 0, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if err := o.Archive.Keys.Check(a.IsEncrypted(), "the base or a delta"); err != nil {
		return nil, err
	}
	last, err := archive.OpenAny(ctx, r.Deltas[len(r.Deltas)-1].Location, 1, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, err
	}
	last.Close()
	if err := a.CheckDeltas(ctx); err != nil {
		return nil, err
	}
	info := o.info(&a.Manifest.Info, &last.Manifest.Info)
	logging.SetDump(o.Log, info.Dump)
	w, err := archive.Resume(ctx, o.Out, info, o.Archive, func(line string) { fmt.Fprintln(o.Log, line) })
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if w.Info.Dump != info.Dump { // it was put there meanwhile
		return nil, fmt.Errorf("%w: it is dump %s", archive.ErrExists, w.Info.Dump)
	}
	if w.Resumed() {
		fmt.Fprintf(o.Log, "there already: %s\n", w.Holds())
	}
	c := copier{ctx: ctx, a: a, w: w}
	if err := c.all(o.Meter); err != nil {
		return nil, err
	}
	after := last.Manifest.BinlogAfter
	if last.Manifest.Delta.Restarted {
		after = nil // who follows behind the dump is to know
	}
	m, err := w.Draft(after)
	if err != nil {
		return nil, err
	}
	m.Consistency = consistency(m.Consistency, last.Manifest)
	return m, w.FinishAs(m, archive.MayConflict(&a.Manifest.Info) || archive.MayConflict(&m.Info))
}

// info describes the merged dump: it was begun when the last delta ended (docs/FORMAT.md §13.4).
func (o *Options) info(base, last *format.Info) format.Info {
	src := last.Source
	src.Binlog = last.Delta.To
	info := format.NewInfo(o.Tool, last.Delta.Until.Add(-time.Duration(src.ClockDifference)*time.Millisecond), src, base.Options)
	info.Dump = format.MergedID(base.Dump, last.Dump)
	return info
}

// consistency is that of a dump that ends as the last delta does, by its binlog positions.
func consistency(c format.Consistency, last *format.Manifest) format.Consistency {
	n := last.Delta.Number
	switch {
	case c.Statement == format.NoWrites && last.Consistency.Statement != format.NoWrites:
		return last.Consistency
	case c.Statement == format.NoWrites:
		c.Reason = fmt.Sprintf("merged of a base and %s; nothing was written while the last was made", progress.Plural(n, "delta", "deltas"))
	default:
		c.Reason = fmt.Sprintf("merged of a base and %s; of the last: %s", progress.Plural(n, "delta", "deltas"), c.Reason)
	}
	return c
}

// A copier writes what an archive holds to a dump.
type copier struct {
	ctx context.Context
	a   *archive.Archive
	w   *archive.Writer
}

// A gap is what is missing of a database and type, with the units that hold something of it.
type gap struct {
	db    int
	typ   format.Type
	keys  archive.Range
	units []archive.Unit
}

// all copies what is missing.
func (c *copier) all(meter *progress.Meter) error {
	gaps, err := c.gaps()
	if err != nil {
		return err
	}
	var units []archive.Unit
	for i := range gaps {
		units = append(units, gaps[i].units...)
	}
	done := export.Watch(meter, units)
	defer meter.Begin("merge", 1)()
	for i := range gaps {
		if err := c.gap(&gaps[i], done); err != nil {
			return err
		}
	}
	return nil
}

// gaps finds what is missing, before anything is written.
func (c *copier) gaps() (all []gap, err error) {
	for _, db := range c.w.Info.Options.Databases {
		for _, t := range c.w.Info.Options.Types {
			ranges, err := c.w.Gaps(db, t)
			if err != nil {
				return nil, err
			}
			units := c.a.Units(func(ci format.ChunkInfo) bool { return ci.DB == db && ci.Type == t })
			for _, r := range ranges {
				g := gap{db: db, typ: t, keys: r}
				for _, u := range units {
					if _, ok := (archive.Range{Start: u[0].Start, End: u[len(u)-1].End}).Within(r); ok {
						g.units = append(g.units, u)
					}
				}
				all = append(all, g)
			}
		}
	}
	return all, nil
}

// gap copies the keys of one.
func (c *copier) gap(g *gap, done func(archive.Unit)) error {
	seg := c.w.Segment(g.db, g.typ, g.keys.Start)
	defer seg.Discard()
	for _, u := range g.units {
		if err := c.a.Copy(c.ctx, seg, u, g.keys.Has, func(k format.SkippedKey) bool { return g.keys.Has(k.Key) }); err != nil {
			return err
		}
		done(u)
	}
	return seg.Close(g.keys.End)
}

// summarize says what was merged.
func (o *Options) summarize(r *Result) error {
	s, m := o.Summary, r.Manifest
	d := r.Deltas[len(r.Deltas)-1].Info.Delta
	s.Chain = &summary.Chain{Place: summary.Place(o.Chain), Deltas: len(r.Deltas), Number: d.Number, Until: d.Until, Last: d.Last, Restarted: d.Restarted, LagSeconds: -1}
	s.Note(fmt.Sprintf("merged of base %s, dump %s, and %s", summary.Place(o.Base), r.Base, progress.Plural(len(r.Deltas), "delta", "deltas")))
	if r.Done {
		s.Note("an earlier run had finished it: nothing was written")
	}
	if r.Rest > 0 {
		s.Note(progress.Plural(r.Rest, "delta of the chain is", "deltas of the chain are") + " not in it")
	}
	return s.Made(m, o.Out, o.Archive.SkippedList(o.Out))
}
