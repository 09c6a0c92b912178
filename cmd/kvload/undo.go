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

// saveUndo saves the keys of the target that the load will overwrite, as a dump, before the load begins.
func saveUndo(ctx context.Context, a *archive.Archive, l *writer.Loader, cs *conflicts, o *loadOptions, log io.Writer) (err error) {
	t := l.Target()
	dbs := slices.Sorted(maps.Keys(o.writer.Places))
	src := format.Source{Address: t.Addr, Server: t.Server, Version: t.Version, Role: "master", Databases: len(dbs), WriteBinlog: "unknown"}
	w, err := archive.Create(ctx, o.undo, format.NewInfo("kvload "+command.Version, time.Now(), src, format.Options{Databases: dbs, Types: format.Types}), archive.Options{Keys: o.keys})
	if errors.Is(err, archive.ErrExists) {
		return fmt.Errorf("%w: --undo %s is not empty: give another directory; one that was left behind by a load that was stopped while it saved, before it wrote anything, can be removed",
			errRefused, o.undo)
	}
	if err != nil {
		return fmt.Errorf("save what will be overwritten: %w", err)
	}
	defer w.Close()
	for _, db := range dbs {
		if err := (&saver{a: a, l: l, w: w, cs: cs, o: o, log: log}).database(ctx, db); err != nil {
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
