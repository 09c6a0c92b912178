package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/keyset"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A taking takes a load back.
type taking struct {
	a     *archive.Archive
	saved *archive.Archive // what the target held; nil: nothing was saved
	l     *writer.Loader
	j     *journal.Journal
	o     *rollbackOptions
	rules *rewrite.Rules
	out   *leftout.List // what the load has left out; nil: nothing is known
	again bool          // a rollback before may have put something back
	fence writer.Fence

	log io.Writer

	report    *leftout.Report
	mu        sync.Mutex
	changed   *keyset.Set  // keys that are not to be put back, where something was saved
	older     atomic.Int64 // of the keys in the report, those that the load may not have come to
	untouched atomic.Int64 // units that the load never began
	removed   atomic.Int64
	restored  int64
}

// all removes what the load wrote and puts back what was there.
func (b *taking) all(ctx context.Context, units []archive.Unit) (err error) {
	b.changed = keyset.New()
	defer func() { err = errors.Join(err, b.changed.Close(), b.out.Close()) }()
	units = archive.LargestFirst(units)
	g, removing := errgroup.WithContext(ctx)
	g.SetLimit(b.o.threads)
	for _, u := range units {
		g.Go(func() error {
			if removing.Err() != nil {
				return context.Cause(removing)
			}
			t := b.taker(u)
			return errors.Join(t.all(removing, u), t.close())
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := b.changed.Seal(); err != nil {
		return err
	}
	return b.restore(ctx)
}

// options are those by which kvload verify compares the target with the dump.
func (b *taking) options() verify.Options {
	v := verification{o: &verifyOptions{commonOptions: b.o.commonOptions}, rules: b.rules}
	t := b.l.Target()
	return v.options(&t, b.out)
}

// leave keeps a key as it is, also from what is put back.
func (b *taking) leave(db int, key []byte) error {
	if b.saved == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed.Add(db, "", key, nil)
}
