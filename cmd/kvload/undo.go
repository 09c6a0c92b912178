package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// lookAt is how many keys are looked at in one pipeline.
const lookAt = 200

// saveUndo saves the keys of the target that the load will overwrite, as a dump, before the load begins.
func saveUndo(ctx context.Context, a *archive.Archive, l *writer.Loader, cs *conflicts, o *loadOptions, log io.Writer) (err error) {
	t := l.Target()
	dbs := slices.Sorted(maps.Keys(o.writer.Places))
	src := format.Source{Address: t.Addr, Server: t.Server, Version: t.Version, Role: "master", Databases: len(dbs), WriteBinlog: "unknown"}
	w, err := archive.Create(o.undo, format.NewInfo("kvload "+command.Version, time.Now(), src, format.Options{Databases: dbs, Types: format.Types}), archive.Options{})
	if err != nil {
		return fmt.Errorf("save what will be overwritten: %w", err)
	}
	defer w.Close()
	for _, db := range dbs {
		v, err := l.NewVisitor(ctx, db)
		if err == nil {
			err = errors.Join((&saver{a: a, v: v, w: w, cs: cs, o: o}).database(ctx, db), v.Close())
		}
		if err != nil {
			return fmt.Errorf("save what will be overwritten: %w (nothing was written to the target; remove %s before the next attempt)", err, o.undo)
		}
	}
	m, err := w.Finish(nil, false)
	if err != nil {
		return err
	}
	keys := int64(0)
	for _, c := range m.Chunks {
		keys += c.Keys
	}
	fmt.Fprintf(log, "saved %s keys that will be overwritten in %s\n", progress.Count(keys), o.undo)
	return nil
}

// A saver saves the keys of one database.
type saver struct {
	a    *archive.Archive
	v    *writer.Visitor
	w    *archive.Writer
	cs   *conflicts
	o    *loadOptions
	segs map[format.Type]*archive.Segment
	keys [][]byte // in order, not looked at yet
}

func (s *saver) database(ctx context.Context, db int) error {
	s.segs = map[format.Type]*archive.Segment{}
	for _, t := range format.Types {
		s.segs[t] = s.w.Segment(db, t, nil)
		defer s.segs[t].Discard()
	}
	extra := s.cs.prefix.ofAll(s.cs.suffixes(db))
	keep := s.o.filter.Key()
	chosen := func(c format.ChunkInfo) bool { return s.o.filter.Type(c.Type) }
	err := s.a.Keys(db, chosen, func(key []byte, _ []format.Type) error {
		if keep != nil && !keep(key) {
			return nil
		}
		if key = s.cs.prefix.of(key); key == nil {
			return nil
		}
		for len(extra) > 0 && bytes.Compare(extra[0], key) < 0 {
			if err := s.add(ctx, extra[0]); err != nil {
				return err
			}
			extra = extra[1:]
		}
		return s.add(ctx, key)
	})
	for _, key := range extra {
		if err == nil {
			err = s.add(ctx, key)
		}
	}
	if err == nil {
		err = s.save(ctx)
	}
	if err != nil {
		return err
	}
	for _, seg := range s.segs {
		if err := seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}

func (s *saver) add(ctx context.Context, key []byte) error {
	s.keys = append(s.keys, key)
	if len(s.keys) < lookAt {
		return nil
	}
	return s.save(ctx)
}

// save looks at the keys that were added, and saves those that are there.
func (s *saver) save(ctx context.Context) error {
	looks, err := s.v.Look(ctx, s.keys)
	if err != nil {
		return err
	}
	for i, look := range looks {
		if look.Type == "none" {
			continue
		}
		err := s.v.Read(ctx, s.keys[i], look, func(r *format.Record) error {
			for _, t := range format.Types {
				if t.Holds(r.Kind) {
					return s.segs[t].Record(r)
				}
			}
			return fmt.Errorf("no type holds a %s", r.Kind)
		})
		if err != nil {
			return err
		}
	}
	s.keys = s.keys[:0]
	return nil
}

// suffixes returns the names that --on-conflict suffix makes up, in order.
func (cs *conflicts) suffixes(db int) (names [][]byte) {
	if cs.policy != conflictSuffix {
		return nil
	}
	for name, types := range cs.types[db] {
		for _, t := range types[1:] {
			names = append(names, suffixed([]byte(name), t))
		}
	}
	slices.SortFunc(names, bytes.Compare)
	return names
}
