package follow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A chain is the base and the deltas behind it, which this run adds to.
type chain struct {
	o        *Options
	lock     storage.Lock
	remove   func() // the directory, if it was made and is empty
	base     *format.Info
	members  []*format.Info          // the finished deltas
	at       []format.BinlogPosition // where the next delta begins, in all databases
	followed []format.BinlogPosition // the same of the databases that are followed
	lasts    []format.LastItem       // the items before at, where they are known
	until    time.Time               // up to which the deltas have all writes; zero: nothing is known
	// restarted: the source was, since it was last read as a whole (format.Delta.Restarted).
	restarted bool
	made      int64          // deltas of this run
	totals    []format.Total // what they hold
}

// openChain opens the base and the chain, locks that, and removes an unfinished delta.
func openChain(ctx context.Context, o *Options) (_ *chain, err error) {
	a, err := archive.Open(ctx, o.Base, 1, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, fmt.Errorf("the base: %w", err)
	}
	c := &chain{o: o, base: new(a.Manifest.Info), restarted: len(a.Manifest.BinlogAfter) == 0}
	o.Summary.Below(a.Manifest)
	a.Close()
	if err := canFollow(c.base); err != nil {
		return nil, err
	}
	if err := o.Archive.Keys.Check(a.IsEncrypted(), "the base"); err != nil {
		return nil, err
	}
	logging.SetDump(o.Log, c.base.Dump)
	if m, err := archive.OpenAny(ctx, o.Chain, 1, o.Archive.Keys.Identities...); err == nil {
		m.Close()
		return nil, fmt.Errorf("%w: %s is a dump or a delta itself, and no place for a chain: give another --out", reader.ErrRefused, o.Chain)
	}
	if err := archive.MustBeOutside(ctx, o.Chain); err != nil {
		return nil, err
	}
	c.remove = storage.Absent(o.Chain)
	dir, err := storage.Create(ctx, o.Chain, o.Archive.Storage)
	if err != nil {
		return nil, fmt.Errorf("create chain: %w", err)
	}
	if c.lock, err = dir.Lock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	return c, c.read(ctx)
}

func (c *chain) read(ctx context.Context) error {
	c.at, c.until = c.base.Source.Binlog, c.base.Started.Add(time.Duration(c.base.Source.ClockDifference)*time.Millisecond)
	members, err := archive.Chain(ctx, c.o.Chain, c.o.Archive.Keys.Identities...)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := c.o.Archive.Keys.Check(m.Encrypted, m.Location); err != nil {
			return err
		}
		d := m.Info.Delta
		if d != nil && d.Base != c.base.Dump {
			return fmt.Errorf("%w: %s is of another base than %s (%s): give the --base of the chain, or another --out", reader.ErrRefused, m.Location, c.o.Base, c.base.Dump)
		}
		if !m.Finished {
			if d != nil && d.Made == format.MadeByScan {
				return fmt.Errorf("%w: %s is a comparison that is not finished: finish it (pikadump dump --base --resume), or remove it", reader.ErrRefused, m.Location)
			}
			fmt.Fprintf(c.o.Log, "%s was not finished: it is made anew\n", m.Location)
			return archive.Discard(ctx, m.Location, c.o.Archive.Storage)
		}
		c.add(new(m.Info))
	}
	return nil
}

func (c *chain) add(in *format.Info) {
	c.members = append(c.members, in)
	c.restarted = in.Delta.Restarted
	c.at, c.lasts, c.until = in.Delta.To, in.Delta.LastItems, in.Delta.Until
}

// last returns the dump that the next delta follows.
func (c *chain) last() *format.Info {
	if n := len(c.members); n > 0 {
		return c.members[n-1]
	}
	return c.base
}

// accept checks that a source is the one of the chain, and says what to know of it.
func (c *chain) accept(ctx context.Context, s *reader.Scanner) (err error) {
	src, o := s.Source(), c.o
	o.Summary.Source = fmt.Sprintf("Pika %s at %s, role %s", src.Version, src.Address, src.Role)
	if err := sameSource(append([]*format.Info{c.base}, c.members...), c.at, src); err != nil {
		return err
	}
	c.restarted = c.restarted || !src.RunsSince(c.last(), 0)
	if c.at == nil {
		return &refusal{fmt.Errorf("%w: the last delta knows no position in the binlog: compare, pikadump dump --base", reader.ErrRefused)}
	}
	if c.followed, err = followed(c.at, c.base.Options.Databases); err != nil {
		return err
	}
	fmt.Fprintf(o.Log, "source: Pika %s at %s, role %s; following %s behind %s\n", src.Version, src.Address, src.Role, options(c.base), c.behind())
	texts := append(dump.Warnings(s, o.Cache.Off), dump.Unselected(ctx, s, c.base.Options.Databases, "follow")...)
	if c.restarted {
		texts = append(texts, errRestart.Text)
	}
	if n := len(c.members); n > 0 && c.members[n-1].Delta.Last {
		texts = append(texts, fmt.Sprintf("delta %d said that it is the last: who loads the chain by kvload follow has ended there, and has to be started again", n))
	}
	for _, text := range texts {
		fmt.Fprintf(o.Log, "warning: %s\n", text)
	}
	return nil
}

// behind says what the next delta follows.
func (c *chain) behind() string {
	if n := len(c.members); n > 0 {
		return fmt.Sprintf("delta %d", n)
	}
	return "the base"
}

// to returns where the next delta begins once the followed databases are at these positions.
func (c *chain) to(at []format.BinlogPosition) []format.BinlogPosition {
	all := slices.Clone(c.at)
	for i := range all {
		if p, ok := format.PositionOf(at, all[i].DB); ok {
			all[i] = p
		}
	}
	return all
}

// sealed takes a delta that this run has finished.
func (c *chain) sealed(m *format.Manifest) {
	c.add(&m.Info)
	c.o.Summary.Below(m)
	c.followed, _ = followed(c.at, c.base.Options.Databases)
	c.made++
	for _, t := range m.Totals {
		i := slices.IndexFunc(c.totals, func(o format.Total) bool { return o.DB == t.DB && o.Type == t.Type })
		if i < 0 {
			i, c.totals = len(c.totals), append(c.totals, format.Total{DB: t.DB, Type: t.Type})
		}
		c.totals[i].Chunks += t.Chunks
		c.totals[i].Stored += t.Stored
		c.totals[i].Add(t.Stats)
	}
	c.summarize()
	c.o.Summary.Hold(c.totals)
}

// summarize says how far the chain is.
func (c *chain) summarize() {
	ch := &summary.Chain{Place: summary.Place(c.o.Chain), Deltas: int(c.made), Number: len(c.members), Until: c.until, LagSeconds: -1}
	at := c.o.Base
	if n := len(c.members); n > 0 {
		ch.Last, at = c.members[n-1].Delta.Last, archive.DeltaPath(c.o.Chain, n)
	}
	c.o.Summary.Dump = summary.Dump{ID: c.last().Dump, Place: summary.Place(at)}
	c.o.Summary.Chain = ch
}

func (c *chain) close() {
	_ = c.lock.Unlock()
	c.remove()
}

// followed returns the positions of the databases that are followed.
func followed(all []format.BinlogPosition, dbs []int) ([]format.BinlogPosition, error) {
	var at []format.BinlogPosition
	for _, db := range dbs {
		p, ok := format.PositionOf(all, db)
		if !ok {
			return nil, fmt.Errorf("no binlog position of db%d", db)
		}
		at = append(at, p)
	}
	return at, nil
}
