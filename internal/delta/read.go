// Package delta makes what a delta dump consists of. A Comparison finds the names in which a live
// Pika differs from a dump; Read reads names in every type into a delta that was begun: what is
// there now, and deleted where a type has nothing.
//
//	c := delta.NewComparison(dumps, db, t, segment, now, done) // takes what a pass finds
//	err = delta.Read(ctx, delta.Options{Scanner: s, Writer: w, Names: delta.Differing(names), Threads: 4})
//
// It does not finish the delta, and writes nothing to the source.
package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Options say what is read, and where to.
type Options struct {
	Scanner *reader.Scanner
	Writer  *archive.Writer // of a delta: what its chunks do not cover yet is read
	Names   Names
	Pool    *Pool // of connections, that outlive the call; nil: they are made for it
	Threads int   // connections that read at once
	// Again says that names are read again that were written after their types were looked at, so
	// that whose an expiry is need not be looked at twice (reader.KeyReader.ReadAlone), and that no
	// list is asked for to tell which names with a NUL a 4.0 still has.
	Again bool
	Meter *progress.Meter // counts, in the phase at hand
}

// partsPerThread is into how many parts the names are divided for each connection: some hold larger
// keys than others.
const partsPerThread = 4

// Read reads the names in all types of the delta's options, and covers all of them. A name that the
// source does not have in a type is written as deleted; one that cannot be read is skipped as in a
// dump. An error leaves what was read before it in sealed chunks.
func Read(ctx context.Context, o Options) error {
	var parts []part
	for _, db := range o.Writer.Info.Options.Databases {
		more, err := o.parts(db)
		if err != nil {
			return err
		}
		parts = append(parts, more...)
	}
	if o.Pool == nil {
		o.Pool = NewPool(ctx, o.Scanner)
		defer o.Pool.Close()
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, o.Threads))
	for _, p := range parts {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := o.read(ctx, p); err != nil {
				return fmt.Errorf("read db%d by names: %w", p.db, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// A part is a range of the names of a database that one worker reads in some types.
type part struct {
	db int
	archive.Range
	types []format.Type
}

// parts divides what no chunk covers yet.
func (o *Options) parts(db int) (parts []part, err error) {
	bounds, err := o.Names.Bounds(db, partsPerThread*max(1, o.Threads))
	if err != nil {
		return nil, err
	}
	cuts := append([][]byte{nil}, bounds...)
	gaps := map[format.Type][]archive.Range{}
	types := o.Writer.Info.Options.Types
	for _, t := range types {
		if gaps[t], err = o.Writer.Gaps(db, t); err != nil {
			return nil, err
		}
		for _, g := range gaps[t] {
			cuts = append(cuts, g.Start)
			if g.End != nil {
				cuts = append(cuts, g.End)
			}
		}
	}
	slices.SortFunc(cuts, bytes.Compare)
	cuts = slices.CompactFunc(cuts, bytes.Equal)
	for i, from := range cuts {
		p := part{db: db, Range: archive.Range{Start: from}}
		if i+1 < len(cuts) {
			p.End = cuts[i+1]
		}
		for _, t := range types {
			within := func(g archive.Range) bool {
				return bytes.Compare(g.Start, from) <= 0 && (g.End == nil || bytes.Compare(from, g.End) < 0)
			}
			if slices.ContainsFunc(gaps[t], within) {
				p.types = append(p.types, t)
			}
		}
		if len(p.types) > 0 {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// read reads a part into a segment of each type.
func (o *Options) read(ctx context.Context, p part) (err error) {
	k, err := o.Pool.take(p.db)
	if err != nil {
		return err
	}
	defer func() { o.Pool.put(p.db, k, err) }()
	var sinks []*sink
	for i, t := range p.types {
		s := &sink{
			seg: o.Writer.Segment(p.db, t, p.Start), first: i == 0,
			counter: o.Meter.Part(progress.Name{DB: p.db, Type: string(t)}), meter: o.Meter, typ: t, alone: o.Again,
		}
		defer s.seg.Discard()
		sinks = append(sinks, s)
	}
	err = o.each(ctx, p, p.Start, func(names []Name) error {
		return o.names(ctx, k, p, names, sinks)
	})
	for _, s := range sinks {
		if err != nil {
			// What came before is kept, if the disk still takes it.
			_ = s.seg.Checkpoint()
		} else {
			err = s.seg.Close(p.End)
		}
	}
	return err
}

// Names that are read in one pipeline.
const (
	batchNames = 128
	batchBytes = 1 << 20
)

// each hands over the names of a part from start on, some at a time.
func (o *Options) each(ctx context.Context, p part, start []byte, do func([]Name) error) error {
	cursor, err := o.Names.From(p.db, start)
	if err != nil {
		return err
	}
	defer cursor.Close()
	var names []Name
	size := 0
	for over := false; !over; {
		n, err := cursor.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && p.End != nil && bytes.Compare(n.Key, p.End) >= 0:
			over = true
		case err != nil:
			return err
		default:
			n.Key = keep(nil, n.Key)
			names = append(names, n)
			size += len(n.Key)
		}
		if len(names) > 0 && (over || len(names) >= batchNames || size >= batchBytes) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := do(names); err != nil {
				return err
			}
			names, size = names[:0], 0
		}
	}
	return nil
}

// names reads names in the type of each sink.
func (o *Options) names(ctx context.Context, k *reader.KeyReader, p part, names []Name, sinks []*sink) error {
	may, err := o.types(ctx, k, names)
	if err != nil {
		return err
	}
	last := names[len(names)-1].Key
	for _, s := range sinks {
		err := s.read(ctx, k, names, may)
		for errors.Is(err, archive.ErrTakenBack) && ctx.Err() == nil {
			again := p
			again.End = append(keep(nil, last), 0)
			err = o.each(ctx, again, s.seg.Start(), func(names []Name) error {
				may, err := o.types(ctx, k, names)
				if err != nil {
					return err
				}
				return s.read(ctx, k, names, may)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// types asks which types may have names, and of which the source may have keys all the same.
func (o *Options) types(ctx context.Context, k *reader.KeyReader, names []Name) ([]reader.TypeSet, error) {
	keys := make([][]byte, len(names))
	for i := range names {
		keys[i] = names[i].Key
		if names[i].hidden = ""; o.Again && o.Scanner.MayHide(keys[i]) {
			names[i].hidden = "a name with a NUL, which the source does not find: pikadump dump --base tells if it is listed"
		}
	}
	streams := slices.Contains(o.Writer.Info.Options.Types, format.TypeStream)
	if !o.Again {
		hidden, err := k.Hidden(ctx, keys, streams)
		if err != nil {
			return nil, err
		}
		for i, is := range hidden {
			if is {
				names[i].hidden = fmt.Sprintf("the source lists a key as %q that no command reads: PKPATTERNMATCHDEL with this removes it", o.Scanner.Shown(keys[i]))
			}
		}
	}
	return k.Types(ctx, keys, streams)
}
