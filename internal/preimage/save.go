package preimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Options say what is saved, and where.
type Options struct {
	Dump   *archive.Archive // that will be loaded
	Filter filter.Filter    // of its keys
	Rules  *rewrite.Rules
	DBs    []int // of the dump, in order

	Target  *writer.Loader
	Workers int          // connections that read at once
	Retry   retry.Policy // of transient errors of the target

	To        string // the new dump: a directory or the URL of a prefix in a bucket
	Tool      string // that is said to have made it
	Keys      encryption.Keys
	BreakLock bool
}

// Save makes the dump, and returns how many keys it holds.
func Save(ctx context.Context, o Options) (keys int64, err error) {
	t := o.Target.Target
	src := format.Source{Address: t.Addr, Server: t.Server, Version: t.Version, Role: "master", Databases: len(o.DBs), WriteBinlog: "unknown"}
	info := format.NewInfo(o.Tool, time.Now(), src, format.Options{Databases: o.DBs, Types: format.Types})
	w, err := archive.Create(ctx, o.To, info, archive.Options{Keys: o.Keys, Storage: storage.Options{BreakLock: o.BreakLock}})
	if err != nil {
		return 0, Refusal(ctx, o.To, o.Keys, err)
	}
	defer w.Close()
	for _, db := range o.DBs {
		if err := (&saver{Options: &o, w: w, db: db}).save(ctx); err != nil {
			return 0, fmt.Errorf("save what will be overwritten: %w (nothing was written to the target; remove %s before the next attempt)", err, o.To)
		}
	}
	m, err := w.Finish(nil, false)
	if err != nil {
		return 0, err
	}
	for _, c := range m.Chunks {
		keys += c.Keys
	}
	return keys, nil
}

// Refusal says why the dump cannot be made at a place, and what to do: err is of archive.Create or
// archive.CanCreate. Nil stays nil.
func Refusal(ctx context.Context, to string, keys encryption.Keys, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, archive.ErrExists):
		return fmt.Errorf("%w: --undo %s %s", exitcode.ErrRefused, to, found(ctx, to, keys))
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("%w: --undo: %w; give another directory", exitcode.ErrRefused, err)
	}
	return fmt.Errorf("save what will be overwritten: %w", err)
}

// found says what is where the dump is to be made.
func found(ctx context.Context, to string, keys encryption.Keys) string {
	a, err := archive.Open(ctx, to, 1, keys.Identities...)
	switch {
	case err == nil:
		defer a.Close()
		return fmt.Sprintf("holds a finished dump, made by %s on %s: a load may be undone with it only, so give another directory",
			a.Manifest.Tool, a.Manifest.Started.Local().Format("2006-01-02 15:04:05 MST"))
	case errors.Is(err, archive.ErrIncomplete):
		return "is not empty, and no finished dump: if a load was stopped while it made it, that load has written nothing, and it can be removed; else give another directory"
	}
	return "is not empty: give another directory"
}
