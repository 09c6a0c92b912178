package loadchain

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// again looks at delta n once more, which an earlier run has loaded: whether the target still holds
// it, and equals it if deltas are compared. What those before it have left out counts, too, so that
// a run that was stopped ends as one that was not. If the load of the delta behind it was stopped,
// the target holds some of either, and that load looks for its own.
func (f *follower) again(ctx context.Context, n int) error {
	if f.DryRun {
		return nil
	}
	_, a, err := f.look(ctx, n)
	if err != nil {
		return err
	}
	behind, _, err := f.look(ctx, n+1)
	if err != nil {
		return err
	}
	if behind != stopped {
		sum, err := f.try(ctx, a.Manifest.Dump, n, false)
		sum.Counts, sum.Deleted = summary.Counts{}, 0
		sum.LeftOut = slices.DeleteFunc(sum.LeftOut, func(l summary.LeftOut) bool { return !l.Lost })
		f.add(sum)
		if err := f.end(n, err); err != nil {
			return err
		}
		f.seen = true
		if err := f.lookWritten(ctx, n); err != nil {
			return err
		}
	}
	all, err := f.left(ctx, a, n)
	if err != nil {
		return err
	}
	for _, status := range all {
		at := status.Identity().After.Number
		if at == n && behind != stopped {
			continue // it has told
		}
		if err := f.end(at, load.LeftOut(f.Summary, status)); err != nil {
			return err
		}
	}
	return nil
}

// lookWritten looks also at the newest delta that has written keys, if delta n has not: the last of
// a chain often is empty, and would be found on a target that was restored to before the others.
func (f *follower) lookWritten(ctx context.Context, n int) error {
	below := *f
	below.Verify, below.log = nil, io.Discard // what is said of delta n holds for it, too
	for m := n; m > 0; m-- {
		a, j, err := f.open(ctx, m)
		if err != nil || a == nil {
			return err
		}
		if s := j.Stats(); s.Keys <= s.Expiring || j.Bound().Dump != a.Manifest.Dump {
			continue
		}
		if m < n {
			_, err = below.try(ctx, a.Manifest.Dump, m, true)
		}
		if load.ExitCode(err) == exitcode.LeftOut { // left tells
			return nil
		}
		return f.end(m, err)
	}
	return nil
}

// more is try for a delta that is not loaded yet. Before the first one of a run it compares some of
// the delta below: a target that was restored, and written to by others since, has all names.
func (f *follower) more(ctx context.Context, id string, n int, certain bool) (*summary.Summary, error) {
	if f.seen && !f.same && f.Verify == nil && f.VerifySome != nil {
		below := *f
		below.Verify = f.VerifySome
		sum, err := below.try(ctx, f.done.Dump, n-1, true)
		if load.ExitCode(err) != exitcode.LeftOut { // that is told already
			err = f.end(n-1, err)
		}
		if err != nil && !exitcode.IsEnd(err) {
			return sum, err
		}
	}
	f.same = true
	return f.try(ctx, id, n, certain)
}

// left returns the loads up to delta n that have left something out, the newest first.
func (f *follower) left(ctx context.Context, a *archive.Archive, n int) (all []*loadstate.Status, err error) {
	o := f.member(a.Manifest.Dump, n)
	l := o.Location()
	status, err := l.Status(ctx, l.AsNode())
	for err == nil {
		id := status.Identity()
		if id == nil || id.After == nil {
			break
		}
		if status.Stats().Left() > 0 {
			all = append(all, status)
		}
		if id.After.Left == 0 {
			break
		}
		status, err = loadstate.ReadStatus(ctx, id.After.Root, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read what deltas up to %d have left out: %w", n, err)
	}
	return all, nil
}
