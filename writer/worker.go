package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// expiryMargin is how long a key must have to live for it to be written: less, and it
// could be over before its commands are through. Such a key counts as expired.
const expiryMargin = time.Second

// A Source hands out records as a chunk holds them: the parts of a key together and
// in order. Next returns io.EOF at the end; what it returned before is not used after
// the next call.
type Source interface {
	Next() (*format.Record, error)
}

// A Worker writes the records of one source database over connections of its own: one, or one to each node of a
// cluster. Only Stats and Abort may be called while it loads.
type Worker struct {
	loader *Loader
	db     int
	route  *route
	batch  batch
	open   *key // the key whose last part has not come yet
	free   []*key
	joined []byte // parts of a string that are still to be sent
	score  []byte // room for the text of a score or id
	failed error
	stats  counters

	job       Job
	before    checkpoint.Stats // what was done before the job
	records   int64            // records of the job's source that are queued wholly
	dirty     bool             // something of the record at hand is queued or reported already
	since     int              // bytes queued since the last checkpoint
	announced int64            // records that Job.Sending knows of
	passed    []int64          // Skip: first records of keys that were not asked about, and are not counted as asked yet
	reports   []LeftOut        // those behind the last checkpoint
}

// Stats returns what the target has acknowledged so far.
func (w *Worker) Stats() checkpoint.Stats { return w.stats.snapshot() }

// Abort closes the connections under a load that runs: it ends at once, with what was in flight unknown.
func (w *Worker) Abort() { w.route.abort() }

// Close closes the connections. It is an error when the last part of a key never came,
// unless Load has failed.
func (w *Worker) Close() error {
	err := w.route.Close()
	if w.open != nil && w.failed == nil {
		w.failed = fmt.Errorf("load database %d: the last part of key %s never came", w.db, quote(w.open.source))
		return errors.Join(w.failed, err)
	}
	return err
}

// Load writes every record of src. When it returns nil, the target has acknowledged
// them all, or those that it did not take have been reported. A key may go on in the
// Source of the next call. After an error the worker is of no more use: what the last
// pipeline did is not known.
func (w *Worker) Load(ctx context.Context, src Source) error {
	if w.failed != nil {
		return fmt.Errorf("load database %d after an error: %w", w.db, w.failed)
	}
	w.job, w.before, w.records = Job{Source: src}, w.Stats(), 0
	return w.end(w.load(ctx))
}

// LoadFrom is Load for a Source of which an earlier run may have loaded a part. What is sent
// twice changes nothing. Records are known to be on the target up to the last checkpoint that
// Job.Reached was told, also after an error: ErrTransient says that it is worth trying again from there
// with a new worker, ErrUnequal that the key which is open at the checkpoint must be written
// anew, from Checkpoint.Beginning on.
func (w *Worker) LoadFrom(ctx context.Context, job Job) error {
	if w.failed != nil {
		return fmt.Errorf("load database %d after an error: %w", w.db, w.failed)
	}
	if w.open != nil {
		return fmt.Errorf("load database %d: the last part of key %s never came", w.db, quote(w.open.source))
	}
	w.job, w.before, w.records = job, w.Stats(), job.From.Record
	w.since, w.announced, w.passed = 0, job.Sent, w.passed[:0]
	return w.end(w.load(ctx))
}

// end keeps the error of a load.
func (w *Worker) end(err error) error {
	w.failed = err
	return err
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
		return fmt.Errorf("load database %d, key %s: %w", w.db, quote(r.Key), err)
	}
	w.dirty = false
	if err := w.learn(ctx, r); err != nil {
		return err
	}
	k, err := w.keyOf(ctx, r)
	if err != nil {
		return err
	}
	if k.out == alive {
		if err := w.queue(ctx, k, r); err != nil {
			return err
		}
	}
	if r.Part&format.PartLast != 0 {
		if err := w.confirmExpiry(ctx, k); err != nil {
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
	w.dirty = false
	w.since += r.Size()
	if w.batch.borrowed || w.since > checkpointBytes {
		return w.flush(ctx)
	}
	return nil
}

// checkpointBytes is how much is queued at the most without a checkpoint, which can only lie between two
// records: large ones would else be cut by the pipelines in their middles only.
const checkpointBytes = 4 << 20

// keyOf returns the key that r belongs to. A new one has been decided on: it may be out.
func (w *Worker) keyOf(ctx context.Context, r *format.Record) (*key, error) {
	first := r.Part&format.PartFirst != 0
	k := w.open
	switch {
	case first && k != nil:
		return nil, fmt.Errorf("load database %d: key %s comes before the last part of key %s", w.db, quote(r.Key), quote(k.source))
	case !first && k == nil && w.job.From.Open != nil && w.records == w.job.From.Record:
		return w.takeUp(ctx, r)
	case !first && k == nil:
		return nil, fmt.Errorf("load database %d: key %s has no first part", w.db, quote(r.Key))
	case !first && (!bytes.Equal(k.source, r.Key) || k.kind != r.Kind || k.dumped != r.Expire):
		return nil, fmt.Errorf("load database %d: key %s comes before the last part of key %s", w.db, quote(r.Key), quote(k.source))
	case !first:
		return k, nil
	}
	k = w.newKey(r)
	w.open, w.joined = k, nil
	k.first = w.records
	onExists := w.loader.options.OnExists
	k.again = k.first < w.job.Sent
	if onExists == Skip {
		k.again = k.first < w.job.Asked
	}
	own := w.decide(k)
	if onExists == Skip && k.out != alive && k.first >= w.job.Asked {
		w.passed = append(w.passed, k.first)
	}
	// Of what may have been sent before, the expiry may not have got there.
	sent := k.again && k.out == expired && !w.wasOver(k.expire)
	if own && k.out != alive && (onExists == Replace || sent) {
		return k, w.drop(ctx, k)
	}
	return k, nil
}

// decide gives k its name on the target and sees whether it is to be written. It reports whether
// the name is the load's to write, also for a key that has expired or has too little to live.
func (w *Worker) decide(k *key) bool {
	o := &w.loader.options
	switch {
	case k.short:
		k.out = leftOut
		w.stats.short.Add(1)
	case w.isOver(k.expire):
		w.expire(k)
	case k.kind == format.HyperLogLog && o.HyperLogLog == LeaveOut:
		w.leave(k, ReasonHyperLogLog, "", "")
		return false
	}
	if o.Rename != nil {
		name, reason := o.Rename(w.db, k.kind, k.source)
		if reason != "" {
			w.leave(k, reason, "", "")
			return false
		}
		if name != nil {
			k.name = append(k.name[:0], name...)
		}
	}
	if w.tooLong(k.name) {
		w.leave(k, ReasonRefused, "", w.limitText("name", len(k.name)))
		return false
	}
	if o.OnExists == Skip && k.first < w.job.Asked {
		k.checked = true
		if w.job.Existed(k.first) {
			w.leave(k, ReasonExists, "", "")
			return false
		}
	}
	return true
}

// isOver reports whether an expiry is not worth being written any more.
func (w *Worker) isOver(expire int64) bool {
	return expire != 0 && expire <= w.loader.clock().Add(expiryMargin).UnixMilli()
}

// wasOver reports whether a key was over when the load began, so that no run of it has sent any.
func (w *Worker) wasOver(expire int64) bool {
	return expire != 0 && expire <= w.job.Began
}

// hasPassed reports whether the target must have expired a key by now.
func (w *Worker) hasPassed(expire int64) bool {
	return expire != 0 && expire <= w.loader.clock().UnixMilli()
}

func (w *Worker) queue(ctx context.Context, k *key, r *format.Record) error {
	switch k.kind {
	case format.String, format.HyperLogLog:
		return w.queueString(ctx, k, r)
	case format.Hash:
		return w.queueHash(ctx, k, r)
	case format.List:
		return w.queueList(ctx, k, r)
	case format.Set:
		return w.queueSet(ctx, k, r)
	case format.Zset:
		return w.queueZset(ctx, k, r)
	case format.Stream:
		return w.queueStream(ctx, k, r)
	default:
		return fmt.Errorf("load database %d, key %s: %w %d", w.db, quote(r.Key), format.ErrKind, k.kind)
	}
}

// spareCommands is the most that one data command brings along: DEL and PEXPIREAT.
const spareCommands = 2

// ready makes room for a data command of k of about size bytes, and reports whether
// it is still to be sent: a flush may have ended the key.
func (w *Worker) ready(ctx context.Context, k *key, size int) (bool, error) {
	o := &w.loader.options
	full := w.batch.size()+size > o.BatchBytes || len(w.batch.commands)+1+spareCommands > o.BatchCommands ||
		o.BatchKeys > 0 && k.queued == 0 && w.batch.keys >= o.BatchKeys
	if full && !w.batch.empty() || k.ordered() && k.data > 0 {
		if err := w.flush(ctx); err != nil {
			return false, err
		}
	}
	if k.out != alive {
		return false, nil
	}
	// Nothing may be written to a key that is over: it would come back without an
	// expiry (SERVERS.md K6).
	if k.queued > 0 && w.isOver(k.expire) {
		w.expire(k)
		return false, nil
	}
	w.dirty = true
	if k.queued == 0 && (o.OnExists == Replace || k.again) && k.kind != format.String && k.kind != format.HyperLogLog {
		w.batch.begin("DEL")
		w.batch.name(k)
		w.batch.end(command{key: k, want: wantAny})
	}
	return true, nil
}

// expireAfter gives k its expiry behind its first data command, so that a load that is
// cut off leaves no large key that lives for ever.
func (w *Worker) expireAfter(k *key) {
	if k.expire == 0 || k.ttlSure {
		return
	}
	k.ttlSure = true
	w.pexpireat(k)
}

func (w *Worker) pexpireat(k *key) {
	w.batch.begin("PEXPIREAT")
	w.batch.name(k)
	w.batch.number(k.expire)
	w.batch.end(command{key: k, want: wantExpiry})
}

// confirmExpiry repeats the expiry of a key that took several commands: had it been
// over between two of them, the second had made it anew without one. It costs no write
// when nothing has changed (SERVERS.md K6).
func (w *Worker) confirmExpiry(ctx context.Context, k *key) error {
	if k.expire == 0 || k.queued < 2 && !k.resumed || k.out != alive {
		return nil
	}
	if len(w.batch.commands) >= w.loader.options.BatchCommands {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	if k.out == alive {
		w.pexpireat(k)
	}
	return nil
}
