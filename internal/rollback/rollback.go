// Package rollback undoes a load: it removes the keys that the load wrote, and puts back those that
// package preimage saved before.
//
//	err := rollback.Run(ctx, rollback.Options{Spec: spec}, log)
//	err := rollback.Clear(ctx, rollback.Options{Spec: spec}, log) // of a target that was empty
//
// It never removes a key that is not as the load left it, unless Force is set, and never one of a
// part of the dump that the load has not begun.
package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Run undoes the load. It returns an exitcode.LeftOutError if keys that others have changed are
// left, or what it held before is refused by the target.
func Run(ctx context.Context, o Options, log io.Writer) error {
	return with(ctx, o, log, func(r *rollback) error {
		if err := r.mayUndo(ctx); err != nil {
			return err
		}
		return r.undo(ctx)
	})
}

// A rollback undoes a load: one of its shards, or all of them, or one that has none.
type rollback struct {
	Options
	dump   *archive.Archive
	target *writer.Loader
	rules  *rewrite.Rules
	units  []archive.Unit // of all shards
	root   string
	common *loadstate.Shards // nil: the load has no shards
	retry  retry.Policy
	log    io.Writer

	shards []shardState
	fence  target.Fence
	doubts loadstate.PassingDoubts
	mark   func() error // begin, once: before the first key is touched
	// throttle lets the target rest; nil: nothing limits the rollback.
	throttle *load.Throttle
}

// shardState is the journal of a shard, locked.
type shardState struct {
	shard.Shard
	journal *journal.Journal
	again   bool // a rollback before has begun with it
	none    bool // the load has not begun it: it has no journal, or that of a load before
}

// with does something with a load whose journals are all locked.
func with(ctx context.Context, o Options, log io.Writer, do func(*rollback) error) (err error) {
	o.Summarize("rollback")
	r := &rollback{Options: o, retry: o.Retry(log), log: log}
	if r.dump, err = r.OpenBegun(ctx, !r.Flush); err != nil {
		return err
	}
	defer r.dump.Close()
	logging.SetDump(log, r.ID)
	if r.dump.Manifest.Finished.IsZero() {
		const text = "the dump is not finished: what was loaded of it as it came is undone"
		fmt.Fprintln(log, text)
		r.Summary.Note(text)
		r.Summary.Instead = []string{"--follow"}
	}
	r.units = r.Units(r.dump)
	r.throttle = load.NewThrottle(o.Limits, &r.Target, o.Workers, o.Meter, func(text string) { fmt.Fprintln(log, text) })
	if r.target, err = r.OpenTarget(ctx, log); err != nil {
		return err
	}
	if r.root, r.common, err = r.Location().Find(ctx, r.target.Target.Nodes); err != nil {
		return err
	}
	defer func() {
		for _, p := range r.shards { // other runs are let in
			err = errors.Join(err, p.journal.Close())
		}
	}()
	if err := r.lock(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(r.shards, func(p shardState) bool { return p.again }) { // else it goes on: keys may have to be put back
		if err := r.target.Target.Settled(ctx); err != nil {
			return err
		}
	}
	if r.rules, err = r.Rules(ctx, r.dump); err != nil {
		return err
	}
	if !r.whole { // a rollback of the chain has the lock
		deltas, err := r.Location().LockDeltas(ctx, r.root)
		if err != nil {
			return err
		}
		defer deltas.Unlock()
	}
	r.fenceOff()
	return errors.Join(do(r), r.Unsure(r.doubts.Why))
}

// lock locks the journals of all shards, and makes sure that they are of this load.
func (r *rollback) lock(ctx context.Context) error {
	shards := []shard.Shard{r.Shard}
	if r.common != nil && r.Shard.IsAll() {
		shards = r.common.All()
	}
	for _, s := range shards {
		spec := r.Spec
		spec.Shard = s
		j, err := spec.Location().OpenJournal(ctx, r.root, journal.Options{})
		if err != nil {
			return err
		}
		none := j.Began().IsZero() || r.common != nil && !j.Undone().IsZero() && j.Bound().Load != r.common.ID
		r.shards = append(r.shards, shardState{s, j, j.IsUndoing(), none})
		b := spec.Identity(r.target)
		switch {
		case none && len(shards) == 1:
			return fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", exitcode.ErrRefused, j.Path())
		case none:
			err = loadstate.Common(b).Check(r.common.Identity, r.root)
		default:
			err = j.Check(b)
		}
		if err != nil {
			return err
		}
		if r.Undo != "" && !none && j.Undo() == "" {
			return fmt.Errorf("%w: by the journal in %s the load had no --undo: what %s holds is not what it has overwritten; leave --undo out", exitcode.ErrRefused, j.Path(), r.Undo)
		}
	}
	return nil
}

// fenceOff ends what runs of the load that were killed have under way.
func (r *rollback) fenceOff() {
	stopped := false
	for _, p := range r.shards {
		stopped = stopped || p.again || !p.none && (!p.journal.IsIdle() || p.journal.Unsure() != "")
	}
	var b journal.Identity
	if r.common != nil {
		b = r.common.Identity
	} else {
		b = r.shards[0].journal.Bound()
	}
	r.fence = loadstate.Fence(b, r.Shard, stopped, &r.doubts)
	r.target.Fence(r.fence)
	r.fence.Dead = nil // what is put back has connections of its own
}

// begin says in all journals that their shards are being undone, before anything is. Shards that
// were never begun are blocked from starting.
func (r *rollback) begin() error {
	for _, p := range r.shards {
		if p.none {
			if _, err := p.journal.Begin(r.common.IdentityOf(p.Shard), r.common.Empty, ""); err != nil {
				return err
			}
			if err := errors.Join(p.journal.BeginUndo(), p.journal.EndUndo(0)); err != nil {
				return err
			}
		}
		if !p.isUndone() {
			if err := p.journal.BeginUndo(); err != nil {
				return err
			}
		}
	}
	return nil
}

// errInPart is what a rollback ends with that has begun.
var errInPart = exitcode.New(exitcode.TryAgain, "the load is undone in part: run it again")

func (r *rollback) undo(ctx context.Context) error {
	var todo []shardState
	for _, p := range r.shards {
		if !p.none && !p.isUndone() {
			todo = append(todo, p)
		}
	}
	for _, p := range todo {
		delta := "" // a full dump is not read through: it may be large, and the target can be cleared
		if r.dump.Manifest.Delta != nil {
			delta = r.Dump
		}
		if r.whole {
			break
		}
		if err := mustBeWhole(ctx, &r.Spec, delta, cmp.Or(r.Undo, p.journal.Undo()), p.journal.Bound().Saved); err != nil {
			return err
		}
	}
	r.mark = sync.OnceValue(r.begin)
	var sum counts
	for _, p := range todo {
		err := r.undoShard(ctx, p, &sum)
		sum.summarize(r.Summary)
		if err != nil && p.journal.IsUndoing() {
			if load.ExitCode(err) == exitcode.Refused { // which says that nothing was written
				return fmt.Errorf("%w (%w)", err, errInPart)
			}
			return fmt.Errorf("%w (%v)", err, errInPart)
		} else if err != nil {
			return err
		}
	}
	if err := r.mark(); err != nil {
		return err
	}
	if len(todo) == 0 {
		return r.undoneAlready(ctx)
	}
	if err := sum.left(r.common != nil); err != nil {
		return err
	}
	return cmp.Or(r.end(ctx), sum.notRestored())
}

// undoneAlready ends a rollback that has nothing to do.
func (r *rollback) undoneAlready(ctx context.Context) error {
	r.Summary.Note("this load was undone already")
	r.Summary.Rollback = &summary.Rollback{}
	return r.end(ctx)
}

func (r *rollback) undoShard(ctx context.Context, p shardState, sum *counts) (err error) {
	load.Begin(r.rules, p.journal.Bound(), r.dump.Manifest)
	b := &undoing{rollback: r, counts: sum, journal: p.journal, again: p.again, report: &leftout.Report{Path: beside(p.journal, r.ID, "changed.jsonl")}}
	if b.leftOut, err = p.leftOut(); err != nil {
		fmt.Fprintf(r.log, "warning: %v: keys of which the load left out a part will be taken for changed ones\n", err)
	}
	if saved := cmp.Or(r.Undo, p.journal.Undo()); saved != "" {
		if b.saved, err = archive.Open(ctx, saved, r.Workers, r.Keys.Identities...); err != nil {
			return fmt.Errorf("--undo: %w", err)
		}
		defer b.saved.Close()
	}
	err = errors.Join(b.run(ctx, loadstate.AssignUnits(p.Shard, r.units)), b.report.Close())
	if n := b.report.Lines(); n > 0 {
		sum.changed, sum.lists = sum.changed+n, append(sum.lists, b.report.Path)
	}
	if err != nil {
		return err
	}
	if err := r.mark(); err != nil {
		return err
	}
	if b.report.Lines() > 0 && r.common != nil {
		return nil // the shards still have their load in common, for a rollback with Force
	}
	return p.journal.EndUndo(b.report.Lines())
}

// isUndone reports whether a rollback has nothing more to do. One that kept keys can be run again.
func (p *shardState) isUndone() bool {
	return !p.journal.Undone().IsZero() && p.journal.Kept() == 0
}

// leftOut reads the list of what the load has left out.
func (p *shardState) leftOut() (*leftout.List, error) {
	if p.journal.Stats().LeftOut[leftout.Refused] == 0 {
		return nil, nil
	}
	r, err := storage.ReadLog(p.journal.Store(), leftout.ListName(p.journal))
	if err != nil { // it may be where --report said
		return nil, fmt.Errorf("read what was left out: %w", err)
	}
	defer r.Close()
	return leftout.ReadList(r)
}

// beside returns where a list about a shard is: beside the journal; of a bucket's, here.
func beside(j *journal.Journal, dump, name string) string {
	if !storage.IsURL(j.Path()) {
		return filepath.Join(j.Path(), name)
	}
	return "kvload-" + dump[:8] + "-" + path.Base(j.Path()) + "-" + name
}

// end forgets what shards have in common when all are undone: the next load begins anew.
func (r *rollback) end(ctx context.Context) error {
	if accept := r.shards[0].journal.Bound().Accept; accept != "" { // the next load needs it, too
		r.Summary.Instead = append(r.Summary.Instead, "--accept", accept)
	}
	if r.common == nil {
		return nil
	}
	return r.common.Forget(ctx, r.root)
}

// Options say which load is undone, and how.
type Options struct {
	load.Spec // of the load; with a shard only that is undone

	Undo  string // the dump of what was overwritten; empty: where the journal says that it is
	Force bool   // keys that others have changed are removed, or put back, as well

	Limits pace.Limits // of comparing keys and putting back

	// Of Undo.
	Flush  bool // the target is cleared as a whole
	Behind int  // of a chain, the delta behind which the others are undone; negative: not said

	// Of what is put back: how often its journal is written, how long nothing may move; 0: ever.
	Checkpoint   time.Duration
	StallTimeout time.Duration

	whole bool // what it rests on was read through, by a rollback of the chain
}
