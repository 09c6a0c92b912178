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
	o := f.member(a, n)
	_, own, err := o.Location().Identity(ctx)
	if err != nil {
		return err
	}
	base := f.Base
	if base == "" && own.After != nil {
		base = own.After.Base
	}
	if base == "" {
		return nil
	}
	o.Dump, o.Number, o.ID = archive.DeltaPath(f.Dump, 1), 1, ""
	before, err := o.Location().Before(ctx, a.Manifest.Delta.Base, base, o.Location().AsNode())
	if errors.As(err, new(*loadstate.NoJournalError)) {
		return nil // who says --base-loaded knows
	}
	if err != nil {
		return err
	}
	look := load.BaseLook{Spec: f.Spec, State: before.Status, Chain: func(ctx context.Context) (*archive.Archive, error) {
		return load.OpenChain(ctx, base, f.Dump, n, f.Workers, f.Keys)
	}}
	look.Dump, look.Number, look.ID = base, 0, a.Manifest.Delta.Base
	look.Summary = summary.New("", "", "load")
	left, err := f.left(ctx, a, n)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		look.Listed = func() (io.ReadCloser, error) { return listed(ctx, left) }
	}
	err = look.Run(ctx, f.log)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(f.log, "warning: whether the target still holds the base is not known: %v\n", err)
		return nil
	}
	return f.end(n, err)
}

// listed reads the lists of what loads have left out. One that is where --report said is not found.
func listed(ctx context.Context, left []*loadstate.Status) (io.ReadCloser, error) {
	var all lists
	var readers []io.Reader
	for _, status := range left {
		store, err := storage.Open(ctx, status.Root())
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		r, err := storage.ReadLog(store, leftout.ListName(status.Shards[0].Journal))
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all.files, readers = append(all.files, r), append(readers, r)
	}
	all.Reader = io.MultiReader(readers...)
	return all, nil
}

// lists are read one behind the other.
type lists struct {
	io.Reader
	files []io.Closer
}

func (l lists) Close() (err error) {
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
