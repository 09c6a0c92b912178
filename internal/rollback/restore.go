package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tempfile"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// restore puts back what was saved, but for the keys that were changed, or are as they were: it
// loads it as any dump, with a journal of its own, for what has to be tried again. What others have
// written there since the removal is left and listed. A rollback that is run again restores from
// the beginning, for it removes from the beginning, too: what is there then can be what was being
// put back when it was stopped.
func (b *undoing) restore(ctx context.Context) (err error) {
	if b.saved == nil {
		return nil
	}
	if err := b.mark(); err != nil {
		return err
	}
	o := b.Spec
	o.Filter = filter.Filter{}
	o.ID = b.saved.Manifest.Dump
	o.Target.OnExists, o.Target.HyperLogLog, o.Target.Expire = writer.Skip, writer.AsString, nil
	if b.again {
		o.Target.OnExists = writer.Replace
	}
	o.Target.Rename = func(db int, _ format.Kind, key []byte) ([]byte, string) {
		if b.kept.Holds(db, "", key, nil) {
			return nil, leftout.Changed
		}
		return nil, ""
	}
	refused := &leftout.Report{Path: beside(b.journal, b.ID, "not-restored.jsonl")}
	l, err := reopen(ctx, o.Target, b.retry.Start().Wait)
	if err == nil {
		err = l.Again(b.target.Target)
	}
	if err != nil {
		return err
	}
	if err := b.writeRaw(ctx, l); err != nil {
		return err
	}
	path := filepath.Join(b.journal.Path(), "restore")
	if storage.IsURL(b.journal.Path()) { // it is of this run only
		var remove func() error
		if path, remove, err = tempfile.Dir("", "kvload-undo-"); err == nil {
			defer remove()
		}
	} else {
		err = os.RemoveAll(path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", journal.ErrNoPlace, err)
	}
	j, err := journal.Open(path, journal.Options{Every: b.Checkpoint, Before: refused.Flush})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close(), refused.Close()) }()
	if _, err := j.Begin(o.Identity(l), false, ""); err != nil {
		return err
	}
	l.Fence(b.fence)
	feed := b.saved.Feed()
	feed.Choose(b.saved.Units(func(c format.ChunkInfo) bool { return c.Records > 0 }))
	to := load.TransferOptions{
		Feed: feed, Target: l, Journal: j, Workers: o.Workers, Retry: b.retry, MaxErrors: -1, StallTimeout: b.StallTimeout, Meter: o.Meter, Phase: "restore", Log: b.log,
		LeftOut: func(unit string, l writer.LeftOut) {
			switch l.Reason {
			case leftout.Refused:
				refused.Add(unit, l)
			case leftout.Exists:
				l.Reason, l.Reply = leftout.Changed, "written by others after it was removed"
				b.report.Add("", l)
			}
		},
	}
	there := &load.Presence{Target: l, Journal: j, DBs: o.DBs(), Rename: o.Target.Rename}
	to.Reconnected = func(ctx context.Context, begun []archive.Unit) error { return there.Check(ctx, b.saved, begun, b.log) }
	if err := load.Transfer(ctx, to); err != nil {
		return err
	}
	s := j.Stats()
	b.restored += s.Keys
	if n := s.LeftOut[leftout.Refused]; n > 0 {
		b.refused, b.refusedList = b.refused+n, cmp.Or(b.refusedList, refused.Path)
	}
	return j.Finish()
}

// writeRaw has sorted sets put back by raw batches where the target proves to read them: it may
// hold scores of such a load, which no command brings there.
func (b *undoing) writeRaw(ctx context.Context, l *writer.Loader) error {
	if !slices.ContainsFunc(b.saved.Manifest.Chunks, func(c format.ChunkInfo) bool { return c.Type == format.TypeZset && c.Records > 0 }) {
		return nil
	}
	why, err := preflight.ProveRaw(ctx, l.Target)
	if err == nil && why == "" {
		l.WriteRaw()
	}
	return err
}

// reopen connects to the target once more, for what is put back.
func reopen(ctx context.Context, o writer.Options, again readback.RetryFunc) (*writer.Loader, error) {
	for {
		l, err := writer.Open(ctx, o)
		if err == nil || !errors.Is(err, writer.ErrTransient) {
			return l, err
		}
		if err := again(ctx, err, false); err != nil {
			return nil, err
		}
	}
}
