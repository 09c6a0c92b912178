package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// saveUndo saves the keys of the target that the load will overwrite, as a dump, before the load begins.
func saveUndo(ctx context.Context, a *archive.Archive, l *writer.Loader, rules *rewrite.Rules, o *commonOptions, undo string, log io.Writer) (err error) {
	t := l.Target()
	dbs := slices.Sorted(maps.Keys(o.writer.Keyspaces))
	src := format.Source{Address: t.Addr, Server: t.Server, Version: t.Version, Role: "master", Databases: len(dbs), WriteBinlog: "unknown"}
	w, err := archive.Create(ctx, undo, format.NewInfo("kvload "+command.Version, time.Now(), src, format.Options{Databases: dbs, Types: format.Types}), archive.Options{Keys: o.keys, Storage: storage.Options{BreakLock: o.breakLock}})
	if err != nil {
		return undoRefused(ctx, undo, o.keys, err)
	}
	defer w.Close()
	for _, db := range dbs {
		if err := (&saver{a: a, l: l, w: w, rules: rules, o: o, log: log}).database(ctx, db); err != nil {
			return fmt.Errorf("save what will be overwritten: %w (nothing was written to the target; remove %s before the next attempt)", err, undo)
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
	fmt.Fprintf(log, "saved %s that will be overwritten in %s\n", progress.Plural(keys, "key", "keys"), undo)
	return nil
}

// undoRefused says why --undo cannot be made.
func undoRefused(ctx context.Context, undo string, keys encryption.Keys, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, archive.ErrExists):
		return fmt.Errorf("%w: --undo %s %s", errRefused, undo, undoThere(ctx, undo, keys))
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("%w: --undo: %w; give another directory", errRefused, err)
	}
	return fmt.Errorf("save what will be overwritten: %w", err)
}

// undoThere says what is where --undo is to be made, and what to do.
func undoThere(ctx context.Context, undo string, keys encryption.Keys) string {
	a, err := archive.Open(ctx, undo, 1, keys.Identities...)
	switch {
	case err == nil:
		defer a.Close()
		return fmt.Sprintf("holds a finished dump, made by %s on %s: a load may be undone with it only, so give another directory", a.Manifest.Tool, a.Manifest.Started.Local().Format("2006-01-02 15:04:05 MST"))
	case errors.Is(err, archive.ErrIncomplete):
		return "is not empty, and no finished dump: if a load was stopped while it made it, that load has written nothing, and it can be removed; else give another directory"
	}
	return "is not empty: give another directory"
}
