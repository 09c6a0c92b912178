package writer

import (
	"errors"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/rawbatch"
)

// cutDead takes keys out of the raw batch that are out since they were added.
func (w *Worker) cutDead(b *rawBatch) {
	for i := len(b.parts) - 1; i >= 0; i-- {
		p := b.parts[i]
		if p.key == nil || p.key.out == alive {
			continue
		}
		if i == 0 {
			b.before = 0
		}
		b.encoder.Cut(p.from, p.to, p.puts)
		b.parts = slices.Delete(b.parts, i, i+1)
		w.answered(p.key, true)
	}
}

// closeRaw makes a command of the raw batch, once it has been checked.
func (w *Worker) closeRaw() error {
	q, b := &w.queue, w.queue.raw
	if b == nil {
		return nil
	}
	if w.cutDead(b); len(b.parts) == 0 {
		return nil
	}
	data := b.encoder.Bytes()
	if err := rawbatch.Check(data, b.namespace, b.encoder.Puts(), b.before); err != nil {
		return stopped(q.account.db, "APPLYBATCH", b.parts[0].key, "", err)
	}
	c := command{want: wantCount, n: int64(len(data)), raw: b.parts, data: true}
	for i := range b.parts {
		c.elements += b.parts[i].elements
		c.bytes += b.parts[i].bytes
	}
	q.batch.begin("APPLYBATCH")
	q.batch.encoder.Bytes(data)
	q.batch.commands = append(q.batch.commands, q.batch.made(c)) // begin has counted its keys
	return nil
}

// applied takes the reply to a raw batch. One that is refused ends the load: it may have stopped
// all writes of the server.
func (w *Worker) applied(c *command) error {
	n, isInteger := c.Reply.Integer()
	switch {
	case c.Reply.IsError() && conn.Fatal(c.Reply.Text) != nil:
		return w.stop(c, c.Reply.Text, conn.Fatal(c.Reply.Text))
	case c.Reply.IsError():
		return w.stop(c, c.Reply.Text, errRefusedBatch)
	case !isInteger || n != c.n:
		return w.stop(c, c.Reply.String(), resp.ErrUnexpected)
	}
	for i := range c.raw {
		p := &c.raw[i]
		w.account.took(p.key, int64(p.elements), int64(p.bytes))
		if p.key == nil {
			w.account.stats.Keys += int64(p.keys)
			w.account.stats.Expiring += int64(p.expiring)
			continue
		}
		p.key.written++
		w.answered(p.key, true)
	}
	return nil
}

var errRefusedBatch = errors.New("the server refuses a raw batch: look into its log, and resume with --method commands")
