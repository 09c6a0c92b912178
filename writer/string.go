package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// queueString writes a string: SET, and APPEND for the later parts of a large one. An
// APPEND keeps the expiry of the SET (SERVERS.md K7).
func (w *Worker) queueString(ctx context.Context, k *key, r *format.Record) error {
	name := "APPEND"
	if k.queued == 0 {
		name = "SET"
	}
	if w.tooLong(r.Value) {
		w.leave(k, ReasonRefused, name, w.limitText("value", len(r.Value)))
		return nil
	}
	if k.queued > 0 && len(r.Value) == 0 {
		return nil
	}
	ok, err := w.ready(ctx, k, len(k.name)+len(r.Value)+4*argOverhead)
	if !ok || err != nil {
		return err
	}
	if r.Part == format.PartWhole && k.expire == 0 && len(k.name)+len(r.Value) <= groupValue && w.groups() {
		w.batch.addToGroup(k, r.Value)
		return nil
	}
	k.length += int64(len(r.Value))
	c := command{key: k, want: wantOK, data: true, elements: r.Elements(), bytes: len(k.name) + len(r.Value)}
	w.batch.begin(name)
	w.batch.name(k)
	w.batch.bytes(r.Value)
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
// has an answer of its own.
func (w *Worker) groups() bool {
	return w.loader.options.OnExists != Skip && w.loader.target.oneMSET()
}
