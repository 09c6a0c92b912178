package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// errTooMany: more was refused than the user allows.
var errTooMany = errors.New("the target refuses too much")

// A loading loads the units of a dump over several connections.
type loading struct {
	a      *archive.Archive
	feed   *archive.Feed
	l      *writer.Loader
	j      *journal.Journal
	cs     *conflicts
	o      *loadOptions
	log    io.Writer
	rester *rester
	left   func(unit string, l writer.LeftOut) // is told of what is left out

	read    atomic.Int64 // bytes of chunk files
	moved   atomic.Int64 // grows as long as anything goes on
	refused atomic.Int64 // keys and members that the target refused

	pressure       atomic.Pointer[string] // on the target's storage, in words
	looks, delayed int                    // at it, and those that found writes held back

	mu     sync.Mutex
	begun  []archive.Unit // that can be read again
	passed passedKeys     // of those that cannot

	carriers []*carrier
	cancel   context.CancelCauseFunc
}

// load loads the units of a feed.
func (r *loading) load(ctx context.Context, feed *archive.Feed) error {
	r.feed = feed
	total, workers := feed.Total(), r.o.threads
	if feed.Finished() {
		workers = min(workers, feed.Len())
	}
	r.pressure.Store(new(string))
	if !r.o.quiet {
		start := progress.Start
		if r.o.progress != nil {
			start = r.o.progress
		}
		defer start(r.log, func() progress.Snapshot {
			s := r.j.Stats()
			shot := progress.Snapshot{Keys: s.Keys + s.Expired + s.Short, Bytes: r.read.Load(), Done: -1, Note: *r.pressure.Load()}
			if total > 0 {
				shot.Done = float64(shot.Bytes) / float64(total)
			}
			return shot
		})()
	}
	work := make(chan archive.Unit)
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	g, ctx := errgroup.WithContext(ctx)
	done := make(chan struct{})
	var carriers sync.WaitGroup
	var noMore error // why the feed ended
	carriers.Add(1)
	g.Go(func() error {
		defer carriers.Done()
		defer close(work)
		for {
			var u archive.Unit
			if u, noMore = feed.Next(ctx); noMore != nil {
				if noMore != io.EOF && ctx.Err() != nil {
					noMore = context.Cause(ctx)
				}
				return nil // what has come whole is still loaded
			}
			select {
			case work <- u:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	})
	for n := range workers {
		c := &carrier{loading: r, number: n + 1, workers: map[int]*writer.Worker{}}
		r.carriers = append(r.carriers, c)
		carriers.Add(1)
		g.Go(func() error {
			defer carriers.Done()
			return c.carry(ctx, work)
		})
	}
	g.Go(func() error {
		carriers.Wait()
		close(done)
		return nil
	})
	g.Go(func() error { return r.watch(ctx, done) })
	if !r.o.quiet {
		g.Go(func() error { r.observe(ctx, done); return nil })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if noMore == io.EOF {
		return nil
	}
	return noMore
}

// stillThere refuses to go on over a new connection if the target was emptied behind the one that was lost.
func (r *loading) stillThere(ctx context.Context) error {
	r.mu.Lock()
	begun := slices.Clone(r.begun)
	r.mu.Unlock()
	return (&remainder{o: r.o, l: r.l, j: r.j, cs: r.cs}).mustBeThere(ctx, r.a, begun, r.log)
}

// reached is told of every checkpoint of a unit.
func (r *loading) reached(u *journal.Unit, p checkpoint.Checkpoint, src *source) error {
	r.moved.Add(1)
	refused := p.Stats.LeftOut[writer.ReasonRefused] - u.Position().Stats.LeftOut[writer.ReasonRefused]
	at := journal.Position{Checkpoint: p}
	at.Chunk, at.In = src.place(p.Record)
	if err := u.Reach(at); err != nil {
		return err
	}
	if n := r.refused.Add(refused); r.o.maxErrors >= 0 && n > int64(r.o.maxErrors) {
		return fmt.Errorf("%w: %s, more than --max-errors %d; see the report for the replies", errTooMany, progress.Plural(n, "key or member", "keys and members"), r.o.maxErrors)
	}
	return nil
}
