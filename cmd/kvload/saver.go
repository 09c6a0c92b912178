package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// lookAt is how many keys are looked at in one pipeline.
const lookAt = 200

// Keys up to these sizes are read by many at a time, and kept until it is their turn to be written.
const (
	smallElements = 200
	lotBytes      = 2 << 20
)

// errFull: the small number of elements of a key has so many bytes that it is read when it is written.
var errFull = errors.New("the lot is full")

// A saver saves keys of one database of the target.
type saver struct {
	a     *archive.Archive
	l     *writer.Loader
	w     *archive.Writer
	rules *rewrite.Rules
	o     *commonOptions
	log   io.Writer
	segs  map[format.Type]*archive.Segment
}

// A lot is some keys that follow each other.
type lot struct {
	keys    [][]byte
	looks   []writer.KeyInfo
	records [][]*format.Record // of each key; none: it is still to be read
	size    int                // of all records
	done    chan struct{}      // closed when all this is so
}

// database looks at the keys and reads the small ones over several connections. One more writes them down in their
// order, and reads the large ones. So many lots as there are connections wait for it.
func (s *saver) database(ctx context.Context, db int) error {
	s.segs = map[format.Type]*archive.Segment{}
	for _, t := range format.Types {
		s.segs[t] = s.w.Segment(db, t, nil)
		defer s.segs[t].Discard()
	}
	g, ctx := errgroup.WithContext(ctx)
	look, write := make(chan *lot), make(chan *lot, s.o.threads)
	g.Go(func() error {
		defer close(look)
		defer close(write)
		return s.lots(ctx, db, func(l *lot) error {
			for _, to := range []chan<- *lot{write, look} {
				select {
				case to <- l:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	})
	visit := func(lots <-chan *lot, do func(context.Context, *writer.Visitor, *lot) error) {
		g.Go(func() (err error) {
			v := s.l.NewVisitor(db, s.o.again(s.log))
			defer func() { err = errors.Join(err, v.Close()) }()
			for l := range lots {
				if err := do(ctx, v, l); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range s.o.threads {
		visit(look, s.look)
	}
	visit(write, s.write)
	if err := g.Wait(); err != nil {
		return err
	}
	for _, seg := range s.segs {
		if err := seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}

// lots hands over all names that the load may write, in order.
func (s *saver) lots(ctx context.Context, db int, each func(*lot) error) error {
	var keys [][]byte
	add := func(key []byte) error {
		if keys = append(keys, key); len(keys) < lookAt {
			return nil
		}
		l := &lot{keys: keys, done: make(chan struct{})}
		keys = nil
		return each(l)
	}
	extra := s.rules.SuffixedNames(db)
	keep := s.o.filter.Key()
	chosen := func(c format.ChunkInfo) bool { return s.o.filter.Type(c.Type) }
	err := s.a.Keys(db, chosen, func(key []byte, _ []format.Type) error {
		if keep != nil && !keep(key) {
			return nil
		}
		if key = s.rules.Prefix.Apply(key); key == nil {
			return nil
		}
		for len(extra) > 0 && bytes.Compare(extra[0], key) < 0 {
			if err := add(extra[0]); err != nil {
				return err
			}
			extra = extra[1:]
		}
		return add(key)
	})
	for _, key := range extra {
		if err == nil {
			err = add(key)
		}
	}
	if err == nil && len(keys) > 0 {
		err = each(&lot{keys: keys, done: make(chan struct{})})
	}
	return err
}

// look looks at the keys of a lot, and reads the small ones.
func (s *saver) look(ctx context.Context, v *writer.Visitor, l *lot) (err error) {
	if l.looks, err = v.Look(ctx, l.keys); err != nil {
		return err
	}
	l.records = make([][]*format.Record, len(l.keys))
	for i, look := range l.looks {
		small := look.Length <= smallElements || look.Kind == format.String && look.Length <= lotBytes
		if look.Type == "none" || !small || l.size >= lotBytes {
			continue
		}
		before := l.size
		err := v.Read(ctx, l.keys[i], look, func(r *format.Record) error {
			l.records[i] = append(l.records[i], r)
			if l.size += r.Size(); l.size > 2*lotBytes {
				return errFull
			}
			return nil
		})
		if errors.Is(err, errFull) {
			l.records[i], l.size, err = nil, before, nil
		}
		if err != nil {
			return err
		}
	}
	close(l.done)
	return nil
}

// write writes what was read of a lot, and what is still to be read.
func (s *saver) write(ctx context.Context, v *writer.Visitor, l *lot) error {
	select {
	case <-l.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for i, look := range l.looks {
		for _, r := range l.records[i] {
			if err := s.record(r); err != nil {
				return err
			}
		}
		if look.Type == "none" || l.records[i] != nil {
			continue
		}
		if err := v.Read(ctx, l.keys[i], look, s.record); err != nil {
			return err
		}
	}
	return v.Unchanged(ctx, l.keys, l.looks) // behind all that was read of them
}

func (s *saver) record(r *format.Record) error {
	for _, t := range format.Types {
		if t.Holds(r.Kind) {
			return s.segs[t].Record(r)
		}
	}
	return fmt.Errorf("no type holds a %s", r.Kind)
}
