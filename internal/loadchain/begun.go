package loadchain

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
)

// A BegunDelta is a delta whose load was begun.
type BegunDelta struct {
	Number int
	Undo   string // where its load has saved what it took away; empty: the target was empty
}

// Begun returns the deltas of a chain behind number that were loaded, whole or in part, and are not
// undone; with kept also those whose rollback kept keys. The last comes first. It refuses if one
// was loaded without saving what it took away.
func Begun(ctx context.Context, s *load.Spec, number int, kept bool) (deltas []BegunDelta, err error) {
	members, err := archive.Locations(ctx, s.Dump)
	if err != nil {
		return nil, err
	}
	f := follower{Options: load.Options{Spec: *s}}
	for n := len(members); n > number; n-- {
		a, j, err := f.open(ctx, n)
		switch {
		case err != nil:
			return nil, err
		case a == nil || j.Began().IsZero() || j.Bound().Dump != a.Manifest.Dump, !j.Undone().IsZero() && (!kept || j.Kept() == 0):
			continue
		case j.Undone().IsZero() && j.Undo() == "" && !j.WasEmpty():
			return nil, fmt.Errorf("%w: delta %d was loaded without --undo, and what it has replaced and deleted is known nowhere; "+
				"what is behind it can be undone with --to %d; to begin anew, clear the target and load the base", exitcode.ErrRefused, n, n)
		}
		deltas = append(deltas, BegunDelta{n, j.Undo()})
	}
	return deltas, nil
}
