package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/delta"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Run makes deltas until it is to end: see Options.Once and UntilIdle. It returns a LeftOut error
// if keys are in no delta although they were written, in this run or an earlier one.
func Run(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	c, err := openChain(ctx, &o)
	if err != nil {
		return err
	}
	defer c.close()
	c.summarize()
	dump.CountRetries(&o.Reader, o.Meter, o.Summary)
	throttle := dump.NewThrottle(&o.Reader, o.Limits, o.Windows, o.Meter, o.Log)
	var f filter.Filter
	if err := f.SetMatch(c.base.Options.Match); err != nil {
		return fmt.Errorf("the base: --match: %w", err)
	}
	o.Reader.Prefix = f.Prefix()
	s, err := dump.Open(ctx, o.Reader)
	if err != nil {
		return err
	}
	if err := c.accept(ctx, s); err != nil {
		return err
	}
	if err := throttle.Begin(ctx, s); err != nil {
		return err
	}
	return o.Cache.Run(ctx, s, func() error {
		r := &run{o: &o, s: s, c: c, throttle: throttle, left: &leftOut{o: &o, keys: map[leftKey]leftWhy{}}}
		r.tail = newTail(c.followed, c.lasts, c.until, o.DeltaNames, f.Key())
		return r.all(ctx)
	})
}

// A run follows.
type run struct {
	o        *Options
	s        *reader.Scanner
	c        *chain
	throttle *dump.Throttle
	tail     *tail
	watcher  *watcher
	pool     *delta.Pool
	left     *leftOut
	goal     []format.BinlogPosition // of Options.Once; nil: there is none
}

// all collects names, looks how far behind that is, and makes deltas, until one of them ends.
func (r *run) all(ctx context.Context) error {
	if err := r.left.earlier(ctx, r.c); err != nil {
		return err
	}
	defer r.left.summarize()
	kept, err := r.s.BinlogKept(ctx)
	if err != nil {
		return err
	}
	collector, err := newCollector(r.o, r.s, r.tail)
	if err != nil {
		return err
	}
	session, err := collector.dial(ctx)
	if err != nil {
		return err
	}
	threads := dump.Threads(r.o.Threads, r.s.Source())
	defer r.o.Meter.Begin("follow", threads)()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	done := false
	r.watcher = &watcher{o: r.o, s: r.s, kept: kept, tail: r.tail, lags: newLaggard(r.o.Interval), looked: make(chan struct{}, 1)}
	r.watcher.seal(sealed{at: r.c.followed, until: r.c.until})
	r.pool = delta.NewPool(ctx, r.s)
	defer r.pool.Close()
	look := r.s.Observer()
	if _, r.goal, err = look.Binlog(ctx); err != nil || !r.o.Once {
		r.goal = nil
	}
	look.Close()
	if err != nil {
		return errors.Join(err, session.Close())
	}
	g.Go(func() error { return collector.run(ctx, session) })
	g.Go(func() error { return r.watcher.watch(ctx) })
	g.Go(func() error { return r.throttle.Watch(ctx, func(int) {}) })
	g.Go(func() error { dump.Observe(ctx, r.o.Meter, r.s); return nil })
	g.Go(func() error {
		err := r.deltas(ctx, threads)
		done = err == nil
		stop()
		return err
	})
	err = g.Wait()
	lag, ch := r.watcher.lag(), r.o.Summary.Chain
	ch.LagSeconds, ch.LagBinlog, ch.LagNames = lag.Seconds, lag.Binlog, *lag.Names
	ch.Restarted = r.isRestarted()
	if !done {
		return err
	}
	if err = r.left.ending(); ch.Restarted { // something that was written is, or may be, in no delta
		err = errors.Join(err, errRestart)
	}
	return err
}

// deltas makes them, until the run is to end.
func (r *run) deltas(ctx context.Context, threads int) error {
	for {
		why, err := r.due(ctx)
		if err != nil {
			return err
		}
		c := r.tail.cut()
		if why == atGoal && c.items == 0 {
			fmt.Fprintln(r.o.Log, "nothing was written since: there is no delta to make")
			return nil
		}
		written, err := r.make(ctx, c, threads, why == idle)
		if written {
			fmt.Fprintln(r.o.Log, "something was written while the last delta was made: it is made anew, and is not the last")
			why = full
			_, err = r.make(ctx, c, threads, false)
		}
		if err != nil {
			return err
		}
		if why == idle || why == atGoal {
			return nil
		}
	}
}

// A reason is why a delta is due.
type reason int

const (
	full   reason = iota // there are as many names as it may have
	timely               // so much time has passed
	atGoal               // all is there that was written when the run began
	idle                 // nothing is written any more
)

// worthReading is how many names are read while the source seems to be at rest, so that there is
// little left to read when it has been for Options.UntilIdle.
const worthReading = 1000

// due waits until a delta is due.
func (r *run) due(ctx context.Context) (reason, error) {
	timer := time.NewTimer(r.o.Interval)
	defer timer.Stop()
	passed := false
	for {
		r.isRestarted()
		now, atRest := r.tail.state(), r.watcher.idle()
		switch {
		case r.goal != nil && isBehind(now.at, r.goal):
			return atGoal, nil
		case r.o.UntilIdle > 0 && atRest >= r.o.UntilIdle:
			return idle, nil
		case r.o.UntilIdle > 0 && atRest >= r.o.UntilIdle/4 && now.count >= worthReading:
			return timely, nil
		case passed && now.items > 0 && !r.o.Once:
			return timely, nil
		}
		select {
		case <-r.tail.full:
			return full, nil
		case <-timer.C:
			passed = true
		case <-r.watcher.looked:
		case <-ctx.Done():
			return full, context.Cause(ctx)
		}
	}
}

// make makes one delta. If it is to be the last, and something is written meanwhile, it is removed.
func (r *run) make(ctx context.Context, c *cut, threads int, last bool) (written bool, err error) {
	number := len(r.c.members) + 1
	location := archive.DeltaPath(r.o.Chain, number)
	r.watcher.seal(sealed{at: r.c.followed, until: r.c.until, names: c.count, deltas: r.c.made})
	source := r.s.Source().Source
	look := r.s.Observer()
	defer look.Close()
	_, ends, err := look.Binlog(ctx)
	if err != nil {
		return false, err
	}
	source.Binlog = ends
	to := r.c.to(c.at)
	info := format.NewDelta(r.o.Tool, time.Now(), source, r.c.base.Options, format.Delta{
		Base: r.c.base.Dump, After: r.c.last().Dump, Number: number, Made: format.MadeByBinlog, From: r.c.at, To: to, Until: c.until, Last: last, Restarted: r.isRestarted(), LastItems: c.last,
	})
	if err := r.o.before("create"); err != nil {
		return false, err
	}
	w, err := archive.Create(ctx, location, info, r.o.Archive)
	if err != nil {
		return false, err
	}
	defer w.Close()
	if err := r.o.before("read"); err != nil {
		return false, err
	}
	err = delta.Read(ctx, delta.Options{
		Scanner: r.s, Writer: w, Names: delta.Sorted(c.names), Pool: r.pool, Threads: threads, Meter: r.o.Meter, Again: true,
	})
	if err != nil {
		return false, fmt.Errorf("%w (%s holds an unfinished delta: the same command makes it anew)", err, location)
	}
	_, after, err := look.Binlog(ctx)
	if err != nil {
		return false, err
	}
	if last && !isBehind(c.at, after) {
		w.Close()
		return true, archive.Discard(ctx, location, r.o.Archive.Storage)
	}
	if err := r.o.before("finish"); err != nil {
		return false, err
	}
	m, err := w.Finish(after, len(info.Options.Types) > 1)
	if err != nil {
		return false, err
	}
	if err := r.left.delta(ctx, c, m, location); err != nil {
		return false, err
	}
	r.c.sealed(m)
	r.watcher.seal(sealed{at: r.c.followed, until: r.c.until, deltas: r.c.made})
	text := fmt.Sprintf("%s: %s, all writes up to %s", location, progress.Plural(int64(c.count), "name", "names"), m.Delta.Until.Format(time.RFC3339))
	if last {
		text += "; it is the last: nothing was written while it was made"
	}
	fmt.Fprintln(r.o.Log, text)
	return false, r.o.before("sealed")
}
