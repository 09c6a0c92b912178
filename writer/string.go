package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// addString writes a string: SET, and APPEND for what of a large one does not go
// into that. An APPEND keeps the expiry of the SET (SERVERS.md K7).
func (q *queue) addString(ctx context.Context, k *key, r *format.Record) error {
	if r.Part == format.PartWhole {
		return q.addValue(ctx, k, r, r.Value)
	}
	q.joined = append(q.joined, r.Value...)
	if r.Part&format.PartLast == 0 && len(q.joined) < q.options.JoinBytes {
		return nil
	}
	err := q.addValue(ctx, k, r, q.joined)
	q.joined = nil // as long as it is, it is not kept
	return err
}

// addValue queues the command for value, which is all of the string or what comes next.
func (q *queue) addValue(ctx context.Context, k *key, r *format.Record, value []byte) error {
	name, elements := "APPEND", 0
	if k.queued == 0 {
		name, elements = "SET", 1
	}
	if err := q.target.Learn(ctx, value); err != nil {
		return err
	}
	if q.tooLong(value) {
		q.account.leave(k, ReasonRefused, name, q.target.LimitText("value", len(value)))
		return nil
	}
	if k.queued > 0 && len(value) == 0 {
		return nil
	}
	ok, err := q.ready(ctx, k, len(k.name)+len(value)+4*argOverhead)
	if !ok || err != nil {
		return err
	}
	if r.Part == format.PartWhole && k.expire == 0 && len(k.name)+len(value) <= groupValue && q.groups() {
		q.batch.addToGroup(k, value)
		return nil
	}
	k.length += int64(len(value))
	c := command{key: k, want: wantOK, data: true, elements: elements, bytes: len(k.name) + len(value)}
	q.batch.begin(name)
	q.batch.name(k)
	q.batch.bytes(value)
	if name == "APPEND" {
		c.want, c.n = wantCount, k.length
	} else if k.expire != 0 {
		q.batch.encoder.Word("PXAT")
		q.batch.encoder.Number(k.expire)
	}
	q.batch.end(c)
	return nil
}

// groups reports whether small strings may go together in one MSET. With Skip each
// has an answer of its own, in a cluster a slot.
func (q *queue) groups() bool {
	return !q.target.IsCluster() && q.options.OnExists != Skip && q.target.OneMSET()
}
