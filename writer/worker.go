package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Worker writes the records of one source database over connections of its own: one, or one to
// each node of a cluster. Only Abort may be called while it loads.
type Worker struct {
	target  *target.Target
	options *Options
	db      int
	router  *conn.Router
	queue   queue
	account account
	open    *key // the key whose last part has not come yet
	free    []*key
	failed  error

	job       Job
	records   int64   // records of the job's source that are queued wholly
	since     int     // bytes queued since the last checkpoint
	announced int64   // records that Job.Sending knows of
	passed    []int64 // Skip: first records of keys that were not asked about, and do not count as asked yet
}

// Abort closes the connections under a load that runs: it ends at once, with what was in flight
// unknown.
func (w *Worker) Abort() { w.router.Abort() }

// Close closes the connections. It is an error when the last part of a key never came,
// unless Load has failed.
func (w *Worker) Close() error {
	w.router.Close()
	if w.open != nil && w.failed == nil {
		w.failed = w.neverCame()
		return w.failed
	}
	return nil
}

func (w *Worker) neverCame() error {
	return fmt.Errorf("load database %d: the last part of key %s never came", w.db, resp.Quote(w.open.source))
}

// Load writes every record of job.Source. When it returns nil, the target has acknowledged them
// all, or those that it did not take have been reported. After an error the worker is of no more
// use: what the last pipeline did is not known.
//
// An earlier run may have loaded a part of the Source. What is sent twice changes nothing. Records
// are known to be on the target up to the last checkpoint that Job.Reached was told, also after an
// error: ErrTransient says that it is worth trying again from there with a new worker, ErrUnequal
// that the key which is open at the checkpoint must be written anew, from Checkpoint.Beginning on.
func (w *Worker) Load(ctx context.Context, job Job) error {
	if w.failed != nil {
		return fmt.Errorf("load database %d after an error: %w", w.db, w.failed)
	}
	if w.open != nil {
		return w.neverCame()
	}
	w.job, w.records = job, job.From.Record
	w.since, w.announced, w.passed = 0, job.Sent, w.passed[:0]
	w.account.begin(&job)
	w.failed = w.load(ctx)
	return w.failed
}

func (w *Worker) load(ctx context.Context) error {
	for {
		r, err := w.job.Source.Next()
		if errors.Is(err, io.EOF) {
			return w.flush(ctx)
		}
		if err != nil {
			return err
		}
		if err := w.record(ctx, r); err != nil {
			return err
		}
	}
}

// record queues the commands of r, and flushes when the batch is full.
func (w *Worker) record(ctx context.Context, r *format.Record) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("load database %d, key %s: %w", w.db, resp.Quote(r.Key), err)
	}
	w.queue.dirty = false
	if err := w.queue.learn(ctx, r); err != nil {
		return err
	}
	k, err := w.keyOf(ctx, r)
	if err != nil {
		return err
	}
	if k.out == alive {
		if err := w.queue.add(ctx, k, r); err != nil {
			return err
		}
	}
	if r.Part&format.PartLast != 0 {
		if err := w.queue.confirmExpiry(ctx, k); err != nil {
			return err
		}
		if err := w.confirmLength(ctx, k); err != nil {
			return err
		}
		k.closed = true
		w.open = nil
		w.done(k)
	}
	w.records++
	w.queue.dirty = false
	w.since += r.Size()
	if w.queue.batch.borrowed || w.since+w.account.kept > checkpointBytes {
		return w.flush(ctx)
	}
	return nil
}

// checkpointBytes is how much is queued, and kept of what is left out, at the most without a
// checkpoint, which can only lie between two records: large ones would else be cut by the pipelines
// in their middles only.
const checkpointBytes = 4 << 20

// keyOf returns the key that r belongs to. A new one has been decided on: it may be out.
func (w *Worker) keyOf(ctx context.Context, r *format.Record) (*key, error) {
	first := r.Part&format.PartFirst != 0
	k := w.open
	switch {
	case r.Kind == format.Deleted:
		return nil, fmt.Errorf("load database %d: key %s is deleted, and a writer only writes", w.db, resp.Quote(r.Key))
	case k != nil && (first || !bytes.Equal(k.source, r.Key) || k.kind != r.Kind || k.dumped != r.Expire):
		return nil, fmt.Errorf("load database %d: key %s comes before the last part of key %s", w.db, resp.Quote(r.Key), resp.Quote(k.source))
	case k != nil:
		return k, nil
	case !first && w.job.From.Open != nil && w.records == w.job.From.Record:
		return w.takeUp(ctx, r)
	case !first:
		return nil, fmt.Errorf("load database %d: key %s has no first part", w.db, resp.Quote(r.Key))
	}
	k = w.newKey(r)
	w.open, w.queue.joined = k, nil
	k.first = w.records
	k.again = w.wasSent(k.first)
	onExists, own := w.options.OnExists, w.decide(ctx, k)
	if onExists == Skip && k.out != alive && k.first >= w.job.Asked {
		w.passed, w.since = append(w.passed, k.first), w.since+8
	}
	// Of what may have been sent before, the expiry may not have got there.
	sent := k.again && k.out == expired && !w.wasOver(k.expire)
	if own && k.out != alive && (onExists == Replace || sent) {
		return k, w.queue.drop(ctx, k)
	}
	return k, nil
}

// keptName is the largest name buffer that a key keeps for the next.
const keptName = 4 << 10

// newKey returns a key for r, one that is done with if there is one.
func (w *Worker) newKey(r *format.Record) *key {
	var k *key
	if n := len(w.free); n > 0 {
		k, w.free = w.free[n-1], w.free[:n-1]
	} else {
		k = new(key)
	}
	k.reset(r)
	if expire := w.options.Expire; expire != nil {
		k.expire, k.short = expire(r.Expire)
	}
	return k
}

// done gives k back if it is complete.
func (w *Worker) done(k *key) {
	if !w.account.done(k) {
		return
	}
	if cap(k.source) > keptName || cap(k.name) > keptName {
		k.source, k.name = nil, nil
	}
	w.free = append(w.free, k)
}
