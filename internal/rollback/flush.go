package rollback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// Clear removes everything from a target that was empty before the load.
func Clear(ctx context.Context, o Options, log io.Writer) error {
	return with(ctx, o, log, func(r *rollback) error { return r.clear(ctx) })
}

func (r *rollback) clear(ctx context.Context) (err error) {
	elsewhere := map[int]string{} // nobody has seen whether the target was empty there
	deltas := map[string]*journal.Journal{}
	defer func() {
		for _, j := range deltas {
			err = errors.Join(err, j.Close())
		}
	}()
	var roots []string // of deltas, in their order
	for _, p := range r.shards {
		behind, err := loadstate.AllBehind(ctx, p.journal)
		if err != nil {
			return err
		}
		for _, d := range behind {
			maps.Copy(elsewhere, d.Places())
			if deltas[d.Root] == nil { // shards have them in common
				if deltas[d.Root], err = d.Lock(ctx, r.BreakLock); err != nil {
					delete(deltas, d.Root)
					return err
				}
				roots = append(roots, d.Root)
			}
		}
		if empty := p.none && r.common.Empty || !p.none && p.journal.WasEmpty(); !empty {
			return fmt.Errorf("%w: the target was not empty before the load: --flush would remove more than the load wrote; leave it out", exitcode.ErrRefused)
		}
	}
	if !slices.ContainsFunc(r.shards, func(p shardState) bool { return p.none || p.journal.Undone().IsZero() }) {
		return r.mustBeEmpty(ctx)
	}
	for _, j := range deltas {
		if err := j.BeginUndo(); err != nil {
			return err
		}
	}
	if err := r.begin(); err != nil {
		return err
	}
	for _, db := range r.DBs() {
		delete(elsewhere, db)
		v := readback.New(r.target.Target, db, r.retry.Start().Wait)
		if err := errors.Join(v.Clear(ctx), v.Close()); err != nil {
			return err
		}
	}
	for _, root := range slices.Backward(roots) { // those that are left are found from below
		if err := deltas[root].EndUndo(0); err != nil {
			return err
		}
	}
	r.Summary.Note("the target is cleared; the count is of the keys of this load, without those that deltas brought")
	r.Summary.Rollback = &summary.Rollback{}
	for _, p := range r.shards {
		r.Summary.Rollback.Removed += p.journal.Stats().Keys
		if p.journal.Undone().IsZero() {
			if err := p.journal.EndUndo(0); err != nil {
				return err
			}
		}
	}
	if err := r.end(ctx); err != nil || len(elsewhere) == 0 {
		return err
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the target is cleared, but not what deltas have written into other places than their base (database and place: %v): clear those yourself", elsewhere)}
}

// mustBeEmpty refuses to clear a target once more: what it holds now the load has not written, or
// the rollback has kept it.
func (r *rollback) mustBeEmpty(ctx context.Context) error {
	n, more, err := r.target.Count(ctx, countLimit, r.DBs()...)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.undoneAlready(ctx)
	}
	count := progress.Plural(n, "key", "keys")
	if more {
		count = "more than " + count
	}
	j := r.shards[0].journal
	advice := "leave it out"
	if j.Kept() > 0 {
		advice = "kvload rollback --force removes those that it kept"
	}
	return fmt.Errorf("%w: this load was undone on %s, and the target holds %s of others: --flush would remove them; %s, or run FLUSHDB there yourself, in each place of the load",
		exitcode.ErrRefused, j.Undone().Local().Format("2006-01-02 15:04:05 MST"), count, advice)
}

// countLimit is up to how many keys of a target are counted to say how many it has.
const countLimit = 100_000
