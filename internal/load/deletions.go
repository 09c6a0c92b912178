package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// deletions delete what a delta says is gone.
type deletions struct {
	rules    *rewrite.Rules
	dbs      []int
	retry    retry.Policy
	throttle *Throttle // nil: nothing slows them down
}

// run is the first phase of a delta: it deletes what is gone; the second writes the rest. A
// run that is stopped in between begins anew.
func (d *deletions) run(ctx context.Context, l *writer.Loader, jn *journal.Journal) error {
	if _, done := jn.Deleted(); done {
		return nil
	}
	deleted := int64(0)
	for _, db := range d.dbs {
		server := readback.New(l.Target, db, d.retry.Start().Wait)
		err := d.rules.Gone(db, func(batch []rewrite.Gone) error {
			n, err := d.deleteBatch(ctx, server, batch)
			deleted += int64(n)
			return err
		})
		if err = errors.Join(err, server.Close()); err != nil {
			return fmt.Errorf("delete what the delta says is gone: %w", err)
		}
	}
	return jn.SetDeleted(deleted)
}

// deleteBatch deletes the names of a batch that are of a type that is gone, and returns how many.
func (d *deletions) deleteBatch(ctx context.Context, server *readback.Client, batch []rewrite.Gone) (int, error) {
	began := time.Now()
	names, err := There(ctx, server, batch)
	if err == nil && len(names) > 0 {
		err = server.Delete(ctx, names)
	}
	if err != nil || d.throttle == nil {
		return len(names), err
	}
	size := len(bytes.Join(names, nil))
	return len(names), d.throttle.Rest(ctx, writer.Pipeline{Commands: len(batch) + len(names), Keys: len(names), Bytes: size, Took: time.Since(began)})
}

// There returns those of names that a target holds with a type that is gone.
func There(ctx context.Context, server *readback.Client, gone []rewrite.Gone) (names [][]byte, err error) {
	all := make([][]byte, len(gone))
	for i := range gone {
		all[i] = gone[i].Name
	}
	types, err := server.Types(ctx, all)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		if slices.Contains(gone[i].Types, readback.TypeOf(t)) {
			names = append(names, all[i])
		}
	}
	return names, nil
}
