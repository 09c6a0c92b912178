package loadchain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// lookBelow looks whether the target still holds what lies below delta n, before all is called
// loaded: each delta itself looks only for what the one before it has written.
func (f *follower) lookBelow(ctx context.Context, n int) error {
	_, a, err := f.look(ctx, n)
	if err != nil || a == nil {
		return err
	}
	if f.Base == "" {
		return nil
	}
	before, err := f.base(ctx, a.Manifest.Delta.Base)
	if errors.As(err, new(*loadstate.NoJournalError)) {
		return nil // who says --base-loaded knows
	}
	if err != nil {
		return err
	}
	look := load.BaseLook{Spec: f.Spec, State: before.Status, Last: archive.DeltaPath(f.Dump, n), Chain: func(ctx context.Context) (*archive.Archive, error) {
		return load.OpenChain(ctx, f.Base, f.Dump, n, f.Workers, f.Keys)
	}}
	look.Dump, look.Number, look.ID = f.Base, 0, a.Manifest.Delta.Base
	look.Summary = summary.New("", "", "load")
	left, err := f.left(ctx, a, n)
	if err != nil {
		return err
	}
	for _, status := range left {
		look.Listed = append(look.Listed, func() (io.ReadCloser, error) { return listed(ctx, status) })
	}
	err = look.Run(ctx, f.log)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(f.log, "warning: whether the target still holds the base is not known: %v\n", err)
		return nil
	}
	return f.end(n, err)
}

// listed reads the list of what a load has left out. One that is where --report said is not found.
func listed(ctx context.Context, status *loadstate.Status) (io.ReadCloser, error) {
	store, err := storage.Open(ctx, status.Root)
	if err != nil {
		return nil, err
	}
	return storage.ReadLog(store, leftout.ListName(status.Shards[0].Journal))
}
