package loadchain

import (
	"context"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
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
		sum, err := f.try(ctx, a, n, false)
		sum.Counts, sum.Deleted = summary.Counts{}, 0
		sum.LeftOut = slices.DeleteFunc(sum.LeftOut, func(l summary.LeftOut) bool { return !l.Lost })
		f.add(sum)
		if err := f.end(n, err); err != nil {
			return err
		}
		f.seen = true
	}
	status, err := f.status(ctx, a.Manifest.Dump, n)
	if err != nil {
		return err
	}
	if behind == stopped {
		if err := f.end(n, load.LeftOut(f.Summary, status)); err != nil {
			return err
		}
	}
	for id := status.Identity(); id != nil && id.After != nil && id.After.Left > 0; id = status.Identity() {
		n--
		if status, err = loadstate.ReadStatus(ctx, id.After.Root, nil); err != nil {
			return fmt.Errorf("read what the load of delta %d has left out: %w", n, err)
		}
		if err := f.end(n, load.LeftOut(f.Summary, status)); err != nil {
			return err
		}
	}
	return nil
}

// status reads the state of delta n.
func (f *follower) status(ctx context.Context, id string, n int) (*loadstate.Status, error) {
	o := f.Spec
	o.Dump, o.Number, o.ID = archive.DeltaPath(f.Dump, n), n, id
	root, shards, err := o.Location().Find(ctx, o.Location().AsNode())
	if err != nil {
		return nil, err
	}
	return loadstate.ReadStatus(ctx, root, shards)
}
