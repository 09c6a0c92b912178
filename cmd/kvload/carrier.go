package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A carrier loads units one after the other, over one connection per database.
type carrier struct {
	*loading
	number  int
	workers map[int]*writer.Worker
	lost    bool        // a connection, perhaps with the target
	pausing atomic.Bool // before it tries again

	mu    sync.Mutex
	at    *journal.Unit
	name  string         // of the unit
	doing string         // when it is not being written
	busy  *writer.Worker // nil: none
}

// waiting is what a carrier does that has no unit.
const waiting = "waiting for more of the dump"

// carry loads units until there are none left.
func (c *carrier) carry(ctx context.Context, work <-chan archive.Unit) (err error) {
	defer func() { err = errors.Join(err, c.close()) }()
	c.note(nil, "", waiting, nil)
	for u := range work {
		c.note(c.j.Unit(u[0].Name), u[0].Name, "", nil)
		if err := c.unit(ctx, u); err != nil {
			return err
		}
		if c.o.in == stdin && !c.o.verify {
			if err := c.passed.take(&remainder{o: c.o, l: c.l, j: c.j, cs: c.cs}, c.a, u, c.j.Unit(u[0].Name)); err != nil {
				return err
			}
		}
		if err := c.feed.Done(u); err != nil {
			return err
		}
		c.note(nil, "", waiting, nil)
	}
	c.note(nil, "", "all done", nil)
	return nil
}

// unit loads a unit, from where it was left on, as often as it takes.
func (c *carrier) unit(ctx context.Context, u archive.Unit) error {
	ju := c.j.Unit(u[0].Name)
	if c.o.in != stdin {
		c.loading.mu.Lock()
		c.begun = append(c.begun, u)
		c.loading.mu.Unlock()
	}
	if err := ju.Of(u.SHA256()); err != nil {
		return err
	}
	if ju.IsDone() {
		c.read.Add(u.Stored())
		return nil
	}
	job := writer.Job{Sent: ju.Sent(), Sending: ju.Sending, Began: c.j.Bound().Now.UnixMilli()}
	p := patience{limit: c.o.retryFor}
	for {
		before := ju.Position().Record
		err := c.attempt(ctx, u, ju, &job)
		if err == nil {
			return ju.Done()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, ok := p.after(err, ju.Position().Record > before)
		if !ok {
			return p.exhausted(err)
		}
		if errors.Is(err, writer.ErrUnequal) {
			if err := c.rewind(ju); err != nil {
				return err
			}
		}
		c.o.retries.Say(c.log, err, wait)
		c.note(ju, u[0].Name, "waiting to try again after: "+err.Error(), nil)
		if err := c.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// attempt loads a unit from where it was left on. Job is brought up to date.
func (c *carrier) attempt(ctx context.Context, u archive.Unit, ju *journal.Unit, job *writer.Job) error {
	c.note(ju, u[0].Name, "connecting", nil)
	w, err := c.worker(ctx, u[0].DB)
	if err != nil {
		return err
	}
	c.note(ju, u[0].Name, "", w)
	at := ju.Position()
	src, err := c.openSource(u, at)
	if err != nil {
		return err
	}
	job.Source, job.From = src, at.Checkpoint
	asked, existed := ju.Asked()
	job.Asked, job.Existed = asked, existed.Has
	job.Found = ju.Found
	job.Report = func(l writer.LeftOut) { c.left(u[0].Name, l) }
	job.Reached = func(p checkpoint.Checkpoint) error { return c.reached(ju, p, src) }
	if err = w.LoadFrom(ctx, *job); err == nil {
		return src.Close()
	}
	job.Sent = ju.Sent()
	src.forget()
	c.lost = true
	delete(c.workers, u[0].DB)
	w.Close() // of no more use, and perhaps lost already
	return err
}

// rewind goes back to the beginning of the key that is open.
func (c *carrier) rewind(ju *journal.Unit) error {
	at := ju.Position()
	if at.Open == nil {
		return nil
	}
	return ju.Reach(journal.Position{Checkpoint: at.Beginning()})
}

// worker returns a connection for a database.
func (c *carrier) worker(ctx context.Context, db int) (*writer.Worker, error) {
	if w := c.workers[db]; w != nil {
		return w, nil
	}
	w, err := c.l.NewWorker(ctx, db)
	if err != nil {
		return nil, err
	}
	if c.lost {
		if err := c.stillThere(ctx); err != nil {
			w.Close()
			return nil, err
		}
	}
	c.workers[db] = w
	return w, nil
}

// note keeps where the carrier is, for the watchdog.
func (c *carrier) note(ju *journal.Unit, name, doing string, busy *writer.Worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.name, c.doing, c.busy = ju, name, doing, busy
}

// where says where the carrier is.
func (c *carrier) where() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.at == nil && c.doing != "":
		return fmt.Sprintf("worker %d: %s", c.number, c.doing)
	case c.at == nil:
		return fmt.Sprintf("worker %d: idle", c.number)
	}
	s := fmt.Sprintf("worker %d: behind record %d of %s", c.number, c.at.Position().Record, c.name)
	if c.doing != "" {
		s += " (" + c.doing + ")"
	}
	return s
}

// waits reports whether the carrier has nothing to load.
func (c *carrier) waits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doing == waiting
}

// abort ends what the carrier waits for.
func (c *carrier) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy != nil {
		c.busy.Abort()
	}
}

func (c *carrier) close() error {
	var errs []error
	for _, w := range c.workers {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}
