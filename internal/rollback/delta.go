package rollback

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// mayUndo refuses a load behind which a delta was loaded, which is undone first, a delta of which
// nobody knows what it has replaced, and one whose base was undone or loaded anew.
func (r *rollback) mayUndo(ctx context.Context) error {
	for _, p := range r.shards {
		switch later, err := loadstate.Behind(ctx, p.journal); {
		case err != nil:
			return err
		case later != nil && p.again: // only with them
			r.Summary.Instead = flush(r.Dump)
			return fmt.Errorf("%w: clearing the target was begun, with the deltas that were loaded behind this load: give --flush", exitcode.ErrRefused)
		case later != nil:
			return r.undoFirst(ctx, later)
		}
		if anew, err := loadstate.Void(ctx, p.journal); err != nil && !p.isUndone() {
			return r.below(err)
		} else if anew && !p.isUndone() {
			return fmt.Errorf("%w: the base below this delta was loaded anew since: the target holds nothing of this load (%s)", exitcode.ErrRefused, p.journal.Path())
		}
		if m := r.dump.Manifest; m.Delta != nil && !m.IsEmpty() && r.Undo == "" && p.journal.Undo() == "" && !p.journal.WasEmpty() && !p.isUndone() {
			return fmt.Errorf("%w: this delta was loaded without --undo, and what it has replaced and deleted is known nowhere: "+
				"without its keys the target would be neither as before it nor as after it. To begin anew, clear the target and load the base", exitcode.ErrRefused)
		}
	}
	return nil
}

// below adds to an error how the base below is undone, if that was begun: the target is cleared.
func (o *Options) below(err error) error {
	if e, is := errors.AsType[*loadstate.BelowError](err); is && e.IsUndoing && e.Base != "" {
		o.Summary.Instead = flush(e.Base)
	}
	return err
}

func flush(base string) []string { return []string{"kvload rollback", "--in", base, "--flush"} }

// undoFirst says which delta is the newest, and how it is undone, with those before it.
func (r *rollback) undoFirst(ctx context.Context, later *loadstate.LaterError) error {
	newest, err := later.Newest(ctx)
	if err != nil {
		return err
	}
	place := newest.Place
	if chain, _, ok := archive.ParseDeltaPath(place); ok {
		place = chain
	}
	r.Summary.Instead = []string{"kvload rollback", "--in", place}
	if r.Number > 0 {
		r.Summary.Instead = append(r.Summary.Instead, "--to", fmt.Sprint(r.Number))
	}
	return fmt.Errorf("%w; undo the newest first, with the other flags of this command: %s", newest, strings.Join(r.Summary.Instead, " "))
}

// deleted has the names put back that a delta has deleted, and others have not written since.
func (b *undoing) deleted(ctx context.Context) error {
	if b.saved == nil {
		return nil
	}
	for _, db := range b.DBs() {
		connect := func() *readback.Client { return readback.New(b.target.Target, db, b.retry.Start().Wait) }
		u := &unit{undoing: b, db: db, src: b.dump.OpenUnit(nil), server: connect(), aside: connect(), before: b.saved.Finder(db)}
		err := b.rules.Gone(db, func(batch []rewrite.Gone) error {
			for _, g := range batch {
				left := &writer.LeftOut{DB: db, Kind: format.Deleted, Key: g.Source, Reason: leftout.Changed, Reply: "the delta has deleted it, and it was written since"}
				if err := u.doubt(ctx, &keyState{source: g.Source, key: g.Name, gone: true}, left); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			err = u.resolve(ctx)
		}
		if err == nil {
			err = u.settle(ctx)
		}
		if err = errors.Join(err, u.close()); err != nil {
			return err
		}
	}
	return nil
}
