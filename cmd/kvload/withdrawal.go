package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A withdrawal takes back a load: one share of it, or all of them, or one that has none.
type withdrawal struct {
	o     *rollbackOptions
	a     *archive.Archive
	l     *writer.Loader
	rules *rewrite.Rules
	units []archive.Unit
	root  string
	jt    *loadstate.Shards // nil: the load has no shares
	log   io.Writer

	parts  []withdrawn
	fence  writer.Fence
	doubts loadstate.PassingDoubts
}

// withdrawn is a part of the load, locked.
type withdrawn struct {
	shard.Shard
	j     *journal.Journal
	store storage.Store // of the journal
	again bool          // a rollback before has begun with it
	none  bool          // the load has not begun it: it has no journal, or that of a load before
}

// open locks all parts, so that none goes on, and makes sure that they are of this load.
func (w *withdrawal) open(ctx context.Context) error {
	shares := []share.Share{w.o.share}
	if w.jt != nil && w.o.share.IsAll() {
		shares = shares[:0]
		for i := range w.jt.Count {
			shares = append(shares, w.jt.Shard(i))
		}
	}
	for _, s := range shares {
		o := w.o.commonOptions
		o.share = s
		j, store, err := o.location().OpenJournal(ctx, w.root, journal.Options{})
		if err != nil {
			return err
		}
		none := j.Began().IsZero() || w.jt != nil && !j.Undone().IsZero() && j.Bound().Load != w.jt.ID
		w.parts = append(w.parts, withdrawn{s, j, store, j.IsUndoing(), none})
		b := o.binding(w.a, w.l)
		if none {
			if len(shares) == 1 {
				return fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", errRefused, j.Path())
			}
			if err := loadstate.Common(b).Check(w.jt.Binding, w.root); err != nil {
				return err
			}
			continue
		}
		if err := j.Check(b); err != nil {
			return err
		}
		if w.o.undo != "" && j.Undo() == "" {
			return fmt.Errorf("%w: by the journal in %s the load had no --undo: what %s holds is not what it has overwritten; leave --undo out", errRefused, j.Path(), w.o.undo)
		}
	}
	return nil
}

// fenceOff ends what runs of the load that were killed have under way.
func (w *withdrawal) fenceOff() {
	stopped := false
	for _, p := range w.parts {
		stopped = stopped || p.again || !p.none && (!p.j.IsIdle() || p.j.Unsure() != "")
	}
	var b journal.Binding
	if w.jt != nil {
		b = w.jt.Binding
	} else {
		b = w.parts[0].j.Bound()
	}
	w.fence = loadstate.Fence(b, w.o.share, stopped, &w.doubts)
	w.l.Fence(w.fence)
	w.fence.Dead = nil // what is put back has connections of its own
}

// begin says in all parts that they are being taken back, before anything is. One that was not begun never will be.
func (w *withdrawal) begin() error {
	for _, p := range w.parts {
		if p.none {
			if _, err := p.j.Begin(w.jt.BindingOf(p.Shard), w.jt.Empty, ""); err != nil {
				return err
			}
			if err := errors.Join(p.j.BeginUndo(), p.j.EndUndo()); err != nil {
				return err
			}
		}
		if p.j.Undone().IsZero() {
			if err := p.j.BeginUndo(); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack takes back one part after the other.
func (w *withdrawal) takeBack(ctx context.Context) (err error) {
	if err := w.begin(); err != nil {
		return err
	}
	var changed, older int64
	var lists []string
	var removed, restored, untouched int64
	start, done := time.Now(), 0
	for _, p := range w.parts {
		if !p.j.Undone().IsZero() {
			continue
		}
		done++
		report := &leftout.Report{Path: beside(p.j, w.o.dump, "changed.jsonl")}
		w.rules.Begin(p.j.Bound().Now, w.a.Manifest)
		b := &taking{a: w.a, l: w.l, log: w.log, j: p.j, o: w.o, rules: w.rules, again: p.again, report: report, fence: w.fence}
		if b.out, err = p.leftOut(); err != nil {
			fmt.Fprintf(w.log, "warning: %v: keys of which the load left out a part will be taken for changed ones\n", err)
		}
		if err := w.part(ctx, b, p.Shard); err != nil {
			return fmt.Errorf("%w (the load is taken back in part: run it again)", err)
		}
		removed, restored, untouched = removed+b.removed.Load(), restored+b.restored, untouched+b.untouched.Load()
		if report.Lines() > 0 {
			changed, older = changed+report.Lines(), older+b.older.Load()
			lists = append(lists, report.Path)
			continue
		}
		if err := p.j.EndUndo(); err != nil {
			return err
		}
	}
	if done == 0 {
		fmt.Fprintf(w.log, "this load was taken back already\n")
		return w.end(ctx)
	}
	fmt.Fprintf(w.log, "removed %s and put %s back, in %s\n", progress.Plural(removed, "key", "keys"), progress.Count(restored), progress.Duration(max(time.Second, time.Since(start))))
	if untouched > 0 {
		fmt.Fprintf(w.log, "the load never began %s of the dump: what the target holds under the names there is left as it is\n", progress.Plural(untouched, "chunk", "chunks"))
	}
	if older > 0 {
		return &command.LeftOut{Text: fmt.Sprintf("%s changed by others since the load, or perhaps not reached before it was stopped (%s), and not touched: see %s; --force removes these, too", progress.Plural(changed, "key was", "keys were"), progress.Count(older), shownLists(lists))}
	}
	if changed > 0 {
		return &command.LeftOut{Text: fmt.Sprintf("%s changed by others since the load, and not touched: see %s; --force removes these, too", progress.Plural(changed, "key was", "keys were"), shownLists(lists))}
	}
	return w.end(ctx)
}

// leftOut reads the list of what the load has left out.
func (p *withdrawn) leftOut() (*leftout.List, error) {
	if p.j.Stats().LeftOut[writer.ReasonRefused] == 0 {
		return nil, nil
	}
	r, err := storage.ReadLog(p.store, leftout.ListName(p.j))
	if err != nil { // it may be where --report said
		return nil, fmt.Errorf("read what was left out: %w", err)
	}
	defer r.Close()
	return leftout.ReadList(r)
}

func shownLists(lists []string) string {
	if len(lists) == 1 {
		return lists[0]
	}
	return fmt.Sprintf("%s and %d more", lists[0], len(lists)-1)
}

// part takes back one part.
func (w *withdrawal) part(ctx context.Context, b *taking, s share.Share) (err error) {
	saved := w.o.undo
	if saved == "" {
		saved = b.j.Undo()
	}
	if saved != "" {
		if b.saved, err = archive.Open(ctx, saved, w.o.threads, w.o.keys.Identities...); err != nil {
			return fmt.Errorf("--undo: %w", err)
		}
		defer b.saved.Close()
	}
	return errors.Join(b.all(ctx, loadstate.AssignUnits(s, w.units)), b.report.Close())
}

// beside returns where a list about a part is: beside the journal, or of one in a bucket in the working directory.
func beside(j *journal.Journal, dump, name string) string {
	if !storage.IsURL(j.Path()) {
		return filepath.Join(j.Path(), name)
	}
	return "kvload-" + dump[:8] + "-" + path.Base(j.Path()) + "-" + name
}

// clear clears a target that was empty before the load.
func (w *withdrawal) clear(ctx context.Context) error {
	for _, p := range w.parts {
		if empty := p.none && w.jt.Empty || !p.none && p.j.WasEmpty(); !empty {
			return fmt.Errorf("%w: the target was not empty before the load: --flush would remove more than the load wrote; leave it out", errRefused)
		}
	}
	if err := w.begin(); err != nil {
		return err
	}
	for _, db := range slices.Sorted(maps.Keys(w.o.writer.Keyspaces)) {
		v := w.l.NewVisitor(db, w.o.again(w.log))
		if err := errors.Join(v.Clear(ctx), v.Close()); err != nil {
			return err
		}
	}
	fmt.Fprintln(w.log, "the target is cleared")
	for _, p := range w.parts {
		if p.j.Undone().IsZero() {
			if err := p.j.EndUndo(); err != nil {
				return err
			}
		}
	}
	return w.end(ctx)
}

// end forgets what the shares have in common when all of them are taken back: the next load begins anew.
func (w *withdrawal) end(ctx context.Context) error {
	if w.jt == nil {
		return nil
	}
	return w.jt.Forget(ctx, w.root)
}

// close lets other runs in.
func (w *withdrawal) close() error {
	var errs []error
	for _, p := range w.parts {
		errs = append(errs, p.j.Close())
	}
	return errors.Join(errs...)
}
