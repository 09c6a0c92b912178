package writer

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A queue turns the records of keys into the commands of a batch. It flushes when that is full.
type queue struct {
	target  *target.Target
	options *Options
	account *account
	flush   func(ctx context.Context) error

	batch  batch
	raw    *rawBatch // nil: all goes by commands
	dirty  bool      // something of the record at hand is queued or reported already
	joined []byte    // parts of a string that are still to be sent
	score  []byte    // room for the text of a score or id
}

// spareCommands is the most that one data command brings along: DEL and PEXPIREAT.
const spareCommands = 2

// ready makes room for a data command of k of about size bytes, and reports whether
// it is still to be sent: a flush may have ended the key.
func (q *queue) ready(ctx context.Context, k *key, size int) (bool, error) {
	o := q.options
	full := q.batch.size()+size > o.BatchBytes || len(q.batch.commands)+1+spareCommands > o.BatchCommands ||
		o.BatchKeys > 0 && k.queued == 0 && q.batch.keys >= o.BatchKeys
	if full && !q.batch.empty() || k.ordered() && k.data > 0 {
		if err := q.flush(ctx); err != nil {
			return false, err
		}
	}
	if !q.goesOn(ctx, k) {
		return false, nil
	}
	if k.queued == 0 && (o.OnExists == Replace || k.again) && k.kind != format.String && k.kind != format.HyperLogLog {
		q.batch.request(command{key: k, want: wantAny}, "DEL", k.name)
	}
	return true, nil
}

// goesOn reports whether more of k is to be sent. Nothing may be written to a key that is over: it
// would come back without an expiry (SERVERS.md K6).
func (q *queue) goesOn(ctx context.Context, k *key) bool {
	if k.out == alive && k.queued > 0 && q.isOver(ctx, k.expire) {
		q.raw.end(true, nil) // cutDead takes it out, and nothing of the keys behind it
		q.account.expire(k)
	}
	if k.out != alive {
		return false
	}
	q.dirty = true
	return true
}

// drop deletes whatever the target holds of k, which is out.
func (q *queue) drop(ctx context.Context, k *key) error {
	if len(q.batch.commands) >= q.options.BatchCommands {
		if err := q.flush(ctx); err != nil {
			return err
		}
	}
	q.batch.request(command{key: k, want: wantAny, always: true, drop: true}, "DEL", k.name)
	return nil
}

// add queues a record of k: in the raw batch, or as commands.
func (q *queue) add(ctx context.Context, k *key, r *format.Record) error {
	if q.raw != nil {
		if ok, err := q.addRaw(ctx, k, r); ok || err != nil {
			return err
		}
	}
	switch k.kind {
	case format.String, format.HyperLogLog:
		return q.addString(ctx, k, r)
	case format.Hash:
		return q.addElements(ctx, k, "HSET", r.Elems, 2)
	case format.List:
		return q.addList(ctx, k, r)
	case format.Set:
		return q.addElements(ctx, k, "SADD", r.Elems, 1)
	case format.Zset:
		return q.addZset(ctx, k, r)
	default:
		return q.addStream(ctx, k, r)
	}
}

// learn finds out whether the target takes what a record holds. A string is asked for when it is
// written.
func (q *queue) learn(ctx context.Context, r *format.Record) error {
	if r.Size() <= target.LeastLimit {
		return nil
	}
	err := errors.Join(q.target.Learn(ctx, r.Key), q.target.Learn(ctx, r.Elems...))
	for i := range r.Entries {
		err = errors.Join(err, q.target.Learn(ctx, r.Entries[i].Fields...))
	}
	return err
}

// tooLong reports whether the target takes no argument of b's length.
func (q *queue) tooLong(b []byte) bool { return !q.target.Takes(len(b)) }

// found counts elements of a resumed key that are on the target already.
func (q *queue) found(k *key, n int64, texts [][]byte) {
	size := int64(0)
	for _, b := range texts {
		size += int64(len(b))
	}
	q.account.took(k, n, size)
}
