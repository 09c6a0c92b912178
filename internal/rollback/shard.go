package rollback

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/keyset"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
)

// An undoing undoes one shard.
type undoing struct {
	*rollback
	*counts // of all shards
	journal *journal.Journal
	saved   *archive.Archive // what the target held; nil: nothing was saved
	leftOut *leftout.List    // what the load has left out; nil: nothing is known
	again   bool             // a rollback before may have put something back
	how     verify.Options   // to compare the target with the dump
	giants  *archive.Memory

	report *leftout.Report
	mu     sync.Mutex
	kept   *keyset.Set // keys that are not to be put back, where something was saved
}

// run removes what the load wrote and puts back what was there.
func (b *undoing) run(ctx context.Context, units []archive.Unit) (err error) {
	b.kept = keyset.New()
	defer func() { err = errors.Join(err, b.kept.Close(), b.leftOut.Close()) }()
	t := b.target.Target
	b.how = verifytarget.Compare(t, b.rules, b.Target.HyperLogLog)
	if !b.leftOut.Empty() {
		b.how.LeftOut = b.leftOut.Holds
	}
	b.giants = archive.NewMemory(archive.GiantBytes)
	units = archive.LargestFirst(units)
	defer b.Meter.Begin("rollback", b.Workers)()
	for _, u := range units {
		u.ExpectIn(b.part(u), false)
	}
	over := b.Meter.Observe(ctx, func(ctx context.Context) { load.Observe(ctx, b.Meter, t) })
	defer over()
	g, removing := errgroup.WithContext(ctx)
	g.SetLimit(b.Workers)
	for _, u := range units {
		g.Go(func() error {
			if removing.Err() != nil {
				return context.Cause(removing)
			}
			u := b.unit(removing, u)
			err := errors.Join(u.run(removing), u.close())
			if err == nil {
				u.part.UnitDone()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if b.dump.Manifest.Delta != nil {
		if err := b.deleted(ctx); err != nil {
			return err
		}
	}
	if err := b.kept.Seal(); err != nil {
		return err
	}
	over()
	return b.restore(ctx)
}

// part is what counts a unit; its work is bytes of chunk files.
func (b *undoing) part(u archive.Unit) *progress.Counter {
	return b.Meter.Part(progress.Name{DB: u[0].DB, Type: string(u[0].Type)})
}

// leave keeps a key as it is, also from what is put back.
func (b *undoing) leave(db int, key []byte) error {
	if b.saved == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Add(db, "", key, nil)
}
