package loadchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
)

// A memberState is how far the load of a delta is.
type memberState int

const (
	missing memberState = iota // there is no such delta, or not yet
	fresh                      // it was not loaded, or that does not count any more
	stopped
	loaded
)

// delta opens delta n, without its files; nil: it is not there yet.
func (f *follower) delta(ctx context.Context, n int) (*archive.Archive, error) {
	a, err := archive.OpenAny(ctx, archive.DeltaPath(f.Dump, n), 1, f.Keys.Identities...)
	if errors.Is(err, archive.ErrIncomplete) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.Close()
	if d := a.Manifest.Delta; d == nil || d.Number != n {
		return nil, fmt.Errorf("%w: %s is not delta %d of a chain", exitcode.ErrRefused, a.Path(), n)
	}
	return a, nil
}

// open is delta with the journal of its load.
func (f *follower) open(ctx context.Context, n int) (*archive.Archive, *journal.Journal, error) {
	a, err := f.delta(ctx, n)
	if a == nil || err != nil {
		return nil, nil, err
	}
	o := f.member(a.Manifest.Dump, n)
	status, err := o.Location().Status(ctx, o.Location().AsNode())
	if err != nil {
		return nil, nil, err
	}
	return a, status.Shards[0].Journal, nil
}

// look returns how far the load of delta n is.
func (f *follower) look(ctx context.Context, n int) (memberState, *archive.Archive, error) {
	a, j, err := f.open(ctx, n)
	if err != nil || a == nil {
		return missing, nil, err
	}
	if j.Began().IsZero() || j.Bound().Dump != a.Manifest.Dump || !j.Undone().IsZero() {
		return fresh, a, nil
	}
	after := j.Bound().After
	if after != nil {
		f.Base = cmp.Or(f.Base, after.Base)
	}
	if j.IsUndoing() || j.Finished().IsZero() {
		return stopped, a, nil
	}
	if after != nil && !after.Loaded.IsZero() && !f.loaded.IsZero() && !after.Loaded.Equal(f.loaded) {
		return fresh, a, nil // the base was loaded anew since
	}
	return loaded, a, nil
}

// position returns the number of the last delta that is loaded: its load has seen those before.
func (f *follower) position(ctx context.Context) (int, error) {
	first, a, err := f.look(ctx, 1)
	if err != nil || first == missing {
		return 0, err
	}
	before, err := f.base(ctx, a.Manifest.Delta.Base)
	if err == nil {
		f.loaded = before.After(1).Loaded
	} else if !errors.As(err, new(*loadstate.NoJournalError)) {
		return 0, err
	}
	last, above := 0, 1 // the one is loaded, the other is not known to be
	for step := 1; ; {
		state, a, err := f.look(ctx, above)
		if err != nil {
			return 0, err
		}
		if state == loaded {
			last, f.done = above, a.Manifest
			above, step = above+step, step*2
			continue
		}
		if above == last+1 {
			break
		}
		above, step = last+1, 1
	}
	return f.passed(ctx, last)
}

// knowsBase refuses deltas that are loaded if the journal of their base, which they knew, is gone:
// nobody can tell any more whether the target holds what lies below them.
func (f *follower) knowsBase(ctx context.Context, n int) error {
	if f.done == nil || f.BaseLoaded {
		return nil
	}
	_, j, err := f.open(ctx, n)
	if err != nil || j == nil {
		return err
	}
	if after := j.Bound().After; after == nil || after.Loaded.IsZero() { // begun with --base-loaded
		return nil
	}
	_, err = f.base(ctx, f.done.Delta.Base)
	if errors.As(err, new(*loadstate.NoJournalError)) {
		return err
	}
	return nil
}

// passed goes on behind a delta of which no journal is found, for one behind it was loaded: a lost
// journal must not have it loaded once more, over what is newer.
func (f *follower) passed(ctx context.Context, last int) (int, error) {
	for n := last + 2; ; n++ {
		state, a, err := f.look(ctx, n)
		switch {
		case err != nil || state == missing:
			return last, err
		case state == loaded:
			last, f.done = n, a.Manifest
		case state == stopped: // it has seen that the one before was loaded
			if _, a, err = f.look(ctx, n-1); err != nil {
				return last, err
			}
			last, f.done = n-1, a.Manifest
		}
	}
}
