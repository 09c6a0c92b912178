package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// ErrTooMany: more was refused than the user allows.
var ErrTooMany = errors.New("the target refuses too much")

// TransferOptions say what Transfer loads, and how.
type TransferOptions struct {
	Feed    *archive.Feed
	Target  *writer.Loader
	Journal *journal.Journal // locked, and begun
	Workers int              // that load at once, each over a connection for each database

	Keep         func(key []byte) bool // which keys of the dump are loaded; nil: all
	Retry        retry.Policy          // of transient errors; without progress of one unit
	MaxErrors    int                   // end when the target has refused more than this; negative: never
	StallTimeout time.Duration         // end when nothing moves for so long; 0: never
	Throttle     *Throttle             // slows the workers down: the one of the Target's options; nil: nothing does

	// LeftOut is told of what does not reach the target. Many goroutines call it.
	LeftOut func(unit string, l writer.LeftOut)
	// Loaded is told of each unit that is done, before the feed may drop it; nil: nobody is.
	Loaded func(archive.Unit) error
	// Reconnected is asked, once a connection was lost, whether the target still holds what was
	// loaded of the units begun; nil: it is not looked at.
	Reconnected func(ctx context.Context, begun []archive.Unit) error
	// There looks for the keys before the checkpoint where a unit goes on; nil: nobody does.
	There *Presence
	// Meter counts, in a phase of this name that Transfer begins, or in one that has begun already.
	Meter *progress.Meter
	Phase string // empty: it has begun
	Log   io.Writer
}

// A transfer is one call of Transfer.
type transfer struct {
	TransferOptions
	giants  *archive.Memory // for giant records
	moved   atomic.Int64    // grows as long as anything goes on
	refused atomic.Int64    // keys and members that the target refused
	coming  bool            // more of the dump is to come

	mu    sync.Mutex
	begun []archive.Unit // of which a worker has begun
}

// Transfer loads the units that the feed hands out. Those that the journal shows as done are passed
// over, and each of the others is loaded from its last checkpoint on.
func Transfer(ctx context.Context, o TransferOptions) error {
	t := &transfer{TransferOptions: o}
	t.giants = archive.NewMemory(archive.GiantBytes)
	t.refused.Store(o.Journal.Stats().LeftOut[writer.ReasonRefused])
	t.coming = !o.Feed.Finished()
	if o.Phase != "" {
		defer o.Meter.Begin(o.Phase, o.Workers)()
	}
	t.expect(!t.coming, slices.SortedStableFunc(slices.Values(o.Feed.Ready()), func(x, y archive.Unit) int {
		return cmp.Or(x[0].DB-y[0].DB, slices.Index(format.Types, x[0].Type)-slices.Index(format.Types, y[0].Type))
	})...)
	return t.run(ctx)
}

func (t *transfer) run(ctx context.Context) error {
	n := t.Workers
	if t.Feed.Finished() {
		n = min(n, len(t.Feed.Ready()))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dog := &watchdog{timeout: t.StallTimeout, moved: &t.moved, rests: t.Throttle.rests, cancel: cancel}
	g, ctx := errgroup.WithContext(ctx)
	observing, over := context.WithCancel(ctx)
	defer over()
	units, done := make(chan archive.Unit), make(chan struct{})
	var working sync.WaitGroup
	var noMore error // why the feed ended
	working.Add(n + 1)
	g.Go(func() (err error) {
		defer working.Done()
		noMore, err = t.feed(ctx, units)
		return err
	})
	for i := range n {
		w := &worker{transfer: t, number: i + 1, conns: map[int]*writer.Worker{}}
		dog.workers = append(dog.workers, w)
		g.Go(func() error {
			defer working.Done()
			return w.run(ctx, units)
		})
	}
	g.Go(func() error {
		working.Wait()
		close(done)
		over()
		return nil
	})
	g.Go(func() error { return dog.watch(ctx, done) })
	looks, delayed := 0, 0
	g.Go(func() error { looks, delayed = Observe(observing, t.Meter, t.Target.Target); return nil })
	err := g.Wait()
	if delayed > 0 {
		fmt.Fprintf(t.Log, "the target held writes back in %d of %d looks at its storage: its compactions did not keep up (INFO rocksdb)\n", delayed, looks)
	}
	if err != nil {
		return err
	}
	if noMore == io.EOF {
		return nil
	}
	return noMore
}

// feed hands out the units until there are no more, and returns why: what came whole is loaded.
func (t *transfer) feed(ctx context.Context, to chan<- archive.Unit) (noMore, err error) {
	defer close(to)
	var came []archive.Unit
	coming := t.coming
	for {
		u, err := t.Feed.Next(ctx)
		if err != nil {
			if err != io.EOF && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return err, nil
		}
		if t.coming {
			t.expect(false, u)
		}
		if coming {
			came = append(came, u)
		}
		if coming && t.Feed.Finished() { // now it is known what there is
			coming = false
			for _, u := range append(came, t.Feed.Ready()...) {
				u.ExpectIn(t.part(u), t.Keep != nil)
			}
		}
		select {
		case to <- u:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (t *transfer) part(u archive.Unit) *progress.Counter {
	return t.Meter.Part(progress.Name{Target: t.Target.Target.Addr, DB: u[0].DB, Type: string(u[0].Type)})
}

// expect counts what earlier runs have done of units, and if all are known, what is to be done.
func (t *transfer) expect(all bool, units ...archive.Unit) {
	for _, u := range units {
		part, ju := t.part(u), t.Journal.Unit(u[0].Name)
		if all {
			u.ExpectIn(part, t.Keep != nil)
		}
		work := int64(0)
		if ju.IsDone() {
			work = u.Stored()
		}
		stats := ju.Position().Stats
		part.AddEarlier(keysOf(stats), stats.Bytes, work)
		t.countRest(part, checkpoint.Stats{}, stats)
	}
}

// keysOf returns how many keys are done with.
func keysOf(s checkpoint.Stats) int64 { return s.Keys + s.Expired + s.Short }

func (t *transfer) count(u archive.Unit, before, now checkpoint.Stats) {
	part := t.part(u)
	part.Add(keysOf(now)-keysOf(before), now.Bytes-before.Bytes, 0)
	t.countRest(part, before, now)
}

func (t *transfer) countRest(part *progress.Counter, before, now checkpoint.Stats) {
	part.AddElements(now.Elements - before.Elements)
	t.Meter.LeftOut("expired", now.Expired-before.Expired)
	t.Meter.LeftOut("ttl-min", now.Short-before.Short)
	for reason, n := range now.LeftOut {
		t.Meter.LeftOut(reason, n-before.LeftOut[reason])
	}
	for reason, n := range before.LeftOut { // what is loaded again
		if now.LeftOut[reason] == 0 {
			t.Meter.LeftOut(reason, -n)
		}
	}
}

// stillThere refuses to go on over a new connection if the target was emptied after one was lost.
func (t *transfer) stillThere(ctx context.Context) error {
	if t.Reconnected == nil {
		return nil
	}
	t.mu.Lock()
	begun := slices.Clone(t.begun)
	t.mu.Unlock()
	return t.Reconnected(ctx, begun)
}

// reached is told of every checkpoint of a unit.
func (t *transfer) reached(unit archive.Unit, u *journal.Unit, p checkpoint.Checkpoint, src *source) error {
	t.moved.Add(1)
	before := u.Position().Stats
	t.count(unit, before, p.Stats)
	refused := p.Stats.LeftOut[writer.ReasonRefused] - before.LeftOut[writer.ReasonRefused]
	at := journal.Position{Checkpoint: p}
	at.Chunk, at.In = src.place(p.Record)
	if err := u.Reach(at); err != nil {
		return err
	}
	if n := t.refused.Add(refused); t.MaxErrors >= 0 && n > int64(t.MaxErrors) {
		return fmt.Errorf("%w: %s, more than --max-errors %d; see the report for the replies", ErrTooMany, progress.Plural(n, "key or member", "keys and members"), t.MaxErrors)
	}
	return nil
}
