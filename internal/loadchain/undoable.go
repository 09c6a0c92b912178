package loadchain

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// A BegunDelta is a delta whose load was begun.
type BegunDelta struct {
	Number int
	Undo   string // where its load has saved what it took away; empty: the target was empty
	Saved  string // the id of that; empty: not known
	Root   string // where the state of its load is
	Base   string // where the base lies; empty: not known
}

// Behind says how those of deltas, the last of which comes first, can be undone that are behind
// one; empty: none is.
func (d BegunDelta) Behind(deltas []BegunDelta) string {
	if len(deltas) == 0 || deltas[0].Number <= d.Number {
		return ""
	}
	return fmt.Sprintf("; what is behind it can be undone with --to %d", d.Number)
}

// Begun returns the deltas of a chain behind number that were loaded, whole or in part, and are not
// undone; with kept also those whose rollback kept keys. The last comes first. Last is number,
// or the last that was loaded. It refuses if one was loaded without saving what it took away, or is
// not there, and a target without any load.
func Begun(ctx context.Context, s *load.Spec, number int, kept bool) (deltas []BegunDelta, last int, err error) {
	members, err := archive.Locations(ctx, s.Dump)
	if err != nil {
		return nil, 0, err
	}
	f := follower{Options: load.Options{Spec: *s}}
	known := false
	last = number
	for n := len(members); n > number || n > 0 && !known; n-- {
		a, j, err := f.open(ctx, n)
		switch {
		case err == nil && a == nil:
			err = f.gap(ctx, n)
		case err == nil && n > number && j.Undone().IsZero() && !j.Began().IsZero() && j.Bound().Dump != a.Manifest.Dump:
			err = fmt.Errorf("%w: %s is dump %s, and by the journal in %s dump %s was loaded from there: put that back", exitcode.ErrRefused, a.Path(), a.Manifest.Dump, j.Path(), j.Bound().Dump)
		}
		undone, anew := a != nil && !j.Undone().IsZero() && (!kept || j.Kept() == 0), false
		if err == nil && a != nil && !undone {
			anew, err = loadstate.Void(ctx, j)
		}
		switch {
		case err != nil:
			return nil, 0, err
		case a == nil || j.Began().IsZero() || j.Bound().Dump != a.Manifest.Dump:
			continue
		case n <= number, undone, anew: // anew: what was loaded behind the base before is not there any more
			if known = true; n <= number && !anew {
				last = n
			}
			continue
		case j.Undone().IsZero() && j.Undo() == "" && !j.WasEmpty() && !a.Manifest.IsEmpty():
			return nil, 0, fmt.Errorf("%w: delta %d was loaded without --undo, and what it has replaced and deleted is known nowhere%s; "+
				"to begin anew, clear the target and load the base", exitcode.ErrRefused, n, BegunDelta{Number: n}.Behind(deltas))
		}
		d := BegunDelta{Number: n, Undo: j.Undo(), Saved: j.Bound().Saved, Root: j.Path()}
		if after := j.Bound().After; after != nil {
			d.Base = after.Base
		}
		known, deltas = true, append(deltas, d)
	}
	if !known {
		return nil, 0, fmt.Errorf("%w: %s holds no journal: no load of this chain into %s is known; give its --state",
			exitcode.ErrRefused, summary.Place(cmp.Or(s.State, s.Dump)), s.Target.Target.Addr)
	}
	return deltas, last, nil
}
