package writer

import (
	"cmp"
	"context"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// queued returns the keys of the batch, in their order.
func (w *Worker) queued() []*key {
	var keys []*key
	for i := range w.queue.batch.commands {
		keys = append(keys, w.queue.batch.commands[i].key)
	}
	if w.queue.raw == nil {
		return keys
	}
	for i := range w.queue.raw.parts {
		keys = append(keys, w.queue.raw.parts[i].key)
	}
	slices.SortStableFunc(keys, func(a, b *key) int { return cmp.Compare(a.first, b.first) })
	return keys
}

// askExists leaves out the keys of the batch that the target holds already.
func (w *Worker) askExists(ctx context.Context) error {
	var b batch
	for _, k := range w.queued() {
		if k.checked {
			continue
		}
		k.checked = true
		if k.out != alive {
			w.passed = append(w.passed, k.first)
			continue
		}
		b.commands = append(b.commands, b.whole(command{key: k}, "EXISTS", k.name))
	}
	asks := b.commands
	if err := w.exec(ctx, &b.encoder, asks); err != nil {
		return err
	}
	var existed []*key
	spared := w.passed
	for i := range asks {
		a := &asks[i]
		w.account.stats.Commands++
		n, ok := a.Reply.Integer()
		switch {
		case a.Reply.IsError():
			return w.stop(a, a.Reply.Text, cmp.Or(conn.Fatal(a.Reply.Text), resp.ErrUnexpected))
		case ok && n == 0:
		case ok && n == 1:
			existed, spared = append(existed, a.key), append(spared, a.key.first)
		default:
			return w.stop(a, a.Reply.String(), resp.ErrUnexpected)
		}
	}
	asked := int64(0) // all keys before were asked about, or are in spared
	if len(asks) > 0 {
		asked = asks[len(asks)-1].key.first + 1
	}
	if n := len(w.passed); n > 0 {
		asked = max(asked, w.passed[n-1]+1)
	}
	if w.job.Found != nil && asked > 0 {
		if err := w.job.Found(asked, spared); err != nil {
			return err
		}
	}
	w.passed = spared[:0]
	for _, k := range existed {
		w.account.leave(k, ReasonExists, "", "")
	}
	return nil
}
