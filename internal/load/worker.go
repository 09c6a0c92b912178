package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A worker loads units one after the other, over one connection per database.
type worker struct {
	*transfer
	number int
	conns  map[int]*writer.Worker
	lost   bool        // a connection, perhaps with the target
	paused atomic.Bool // before a retry

	mu    sync.Mutex
	at    *journal.Unit
	name  string         // of the unit
	doing string         // when it is not being written
	busy  *writer.Worker // nil: none
}

// waiting is what a worker does that has no unit.
const waiting = "waiting for more of the dump"

func (w *worker) run(ctx context.Context, units <-chan archive.Unit) (err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	w.note(nil, "", waiting, nil)
	for {
		u, more := w.next(units)
		if !more {
			break
		}
		w.note(w.Journal.Unit(u[0].Name), u[0].Name, "", nil)
		if err := w.unit(ctx, u); err != nil {
			return err
		}
		if w.Loaded != nil {
			if err := w.Loaded(u); err != nil {
				return err
			}
		}
		w.part(u).UnitDone()
		if err := w.Feed.Done(u); err != nil {
			return err
		}
		w.note(nil, "", waiting, nil)
	}
	w.note(nil, "", "all done", nil)
	return nil
}

func (w *worker) next(units <-chan archive.Unit) (u archive.Unit, more bool) {
	if w.coming {
		defer w.Meter.Wait(progress.Chunks, "")()
	}
	u, more = <-units
	return u, more
}

// unit loads a unit from its last checkpoint on, in as many attempts as it takes.
func (w *worker) unit(ctx context.Context, u archive.Unit) error {
	ju := w.Journal.Unit(u[0].Name)
	w.transfer.mu.Lock()
	w.begun = append(w.begun, u)
	w.transfer.mu.Unlock()
	if err := ju.Bind(u.SHA256()); err != nil {
		return err
	}
	if ju.IsDone() {
		return nil
	}
	job := writer.Job{Sent: ju.Sent(), Sending: ju.Sending, Began: w.Journal.Bound().Now.UnixMilli()}
	backoff := w.Retry.Start()
	for {
		before := ju.Position().Record
		err := w.attempt(ctx, u, ju, &job)
		if err == nil {
			w.Meter.Chunk(int64(len(u)))
			return ju.Done()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, final := backoff.Next(err, ju.Position().Record > before)
		if final != nil {
			return final
		}
		if errors.Is(err, writer.ErrUnequal) {
			if err := w.rewind(u, ju); err != nil {
				return err
			}
		}
		w.note(ju, u[0].Name, "waiting to try again after: "+err.Error(), nil)
		w.paused.Store(true)
		err = retry.Sleep(ctx, wait)
		w.paused.Store(false)
		if err != nil {
			return err
		}
	}
}

// attempt loads a unit from its last checkpoint on. Job is brought up to date.
func (w *worker) attempt(ctx context.Context, u archive.Unit, ju *journal.Unit, job *writer.Job) error {
	w.note(ju, u[0].Name, "connecting", nil)
	conn, err := w.conn(ctx, u[0].DB)
	if err != nil {
		return err
	}
	w.note(ju, u[0].Name, "", conn)
	at := ju.Position()
	var last []LoadedKey
	src, err := w.open(ctx, u, at, func(r *format.Record) {
		if w.There != nil {
			last = w.There.add(last, u[0].DB, r)
		}
	})
	if err != nil {
		return err
	}
	if err := w.There.checkLast(ctx, last, at.Stats); err != nil {
		src.forget()
		return err
	}
	job.Source, job.From = src, at.Checkpoint
	asked, existed := ju.Asked()
	job.Asked, job.Existed = asked, existed.Has
	job.Found = ju.Found
	job.Report = func(l writer.LeftOut) { w.LeftOut(u[0].Name, l) }
	job.Reached = func(p checkpoint.Checkpoint) error { return w.reached(u, ju, p, src) }
	if err = conn.Load(ctx, *job); err == nil {
		return src.Close()
	}
	job.Sent = ju.Sent()
	src.forget()
	w.lost = true
	delete(w.conns, u[0].DB)
	conn.Close() // of no more use, and perhaps lost already
	return err
}

// rewind goes back to the beginning of the key that is open.
func (t *transfer) rewind(u archive.Unit, ju *journal.Unit) error {
	at := ju.Position()
	if at.Open == nil {
		return nil
	}
	begin := at.Beginning()
	t.count(u, at.Stats, begin.Stats)
	return ju.Reach(journal.Position{Checkpoint: begin})
}

func (w *worker) conn(ctx context.Context, db int) (*writer.Worker, error) {
	if c := w.conns[db]; c != nil {
		return c, nil
	}
	c, err := w.Target.NewWorker(ctx, db)
	if err != nil {
		return nil, err
	}
	if w.lost {
		if err := w.stillThere(ctx); err != nil {
			c.Close()
			return nil, err
		}
	}
	w.conns[db] = c
	return c, nil
}

// note keeps where the worker is, for the watchdog.
func (w *worker) note(ju *journal.Unit, name, doing string, busy *writer.Worker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.name, w.doing, w.busy = ju, name, doing, busy
}

func (w *worker) where() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		return fmt.Sprintf("worker %d: %s", w.number, cmp.Or(w.doing, "idle"))
	}
	s := fmt.Sprintf("worker %d: after record %d of %s", w.number, w.at.Position().Record, w.name)
	if w.doing != "" {
		s += " (" + w.doing + ")"
	}
	return s
}

func (w *worker) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doing == waiting
}

// pauses reports whether the worker waits to try again, which Retry bounds.
func (w *worker) pauses() bool { return w.paused.Load() }

func (w *worker) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy != nil {
		w.busy.Abort()
	}
}

func (w *worker) close() error {
	var errs []error
	for _, c := range w.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
