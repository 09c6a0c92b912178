package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// queueString writes a string: SET, and APPEND for what of a large one does not go
// into that. An APPEND keeps the expiry of the SET (SERVERS.md K7).
func (w *Worker) queueString(ctx context.Context, k *key, r *format.Record) error {
	if r.Part == format.PartWhole {
		return w.queueValue(ctx, k, r, r.Value)
	}
	w.joined = append(w.joined, r.Value...)
	if r.Part&format.PartLast == 0 && len(w.joined) < w.loader.options.JoinBytes {
		return nil
	}
	err := w.queueValue(ctx, k, r, w.joined)
	w.joined = nil // as long as it is, it is not kept
	return err
}

// queueValue queues the command for value, which is all of the string or what comes next.
func (w *Worker) queueValue(ctx context.Context, k *key, r *format.Record, value []byte) error {
	name, elements := "APPEND", 0
	if k.queued == 0 {
		name, elements = "SET", 1
	}
	if err := w.loader.learnBulk(ctx, value); err != nil {
		return err
	}
	if w.tooLong(value) {
		w.leave(k, ReasonRefused, name, w.limitText("value", len(value)))
		return nil
	}
	if k.queued > 0 && len(value) == 0 {
		return nil
	}
	ok, err := w.ready(ctx, k, len(k.name)+len(value)+4*argOverhead)
	if !ok || err != nil {
		return err
	}
	if r.Part == format.PartWhole && k.expire == 0 && len(k.name)+len(value) <= groupValue && w.groups() {
		w.batch.addToGroup(k, value)
		return nil
	}
	k.length += int64(len(value))
	c := command{key: k, want: wantOK, data: true, elements: elements, bytes: len(k.name) + len(value)}
	w.batch.begin(name)
	w.batch.name(k)
	w.batch.bytes(value)
	if name == "APPEND" {
		c.want, c.n = wantCount, k.length
	} else if k.expire != 0 {
		w.batch.word("PXAT")
		w.batch.number(k.expire)
	}
	w.batch.end(c)
	return nil
}

// groups reports whether small strings may go together in one MSET. With Skip each
// has an answer of its own, in a cluster a slot.
func (w *Worker) groups() bool {
	return w.loader.cluster == nil && w.loader.options.OnExists != Skip && w.loader.target.oneMSET()
}
