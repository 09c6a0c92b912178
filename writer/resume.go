package writer

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// wasSent reports whether an earlier run may have sent some of the key that begins with a record:
// then it is deleted (ready), and written anew.
func (w *Worker) wasSent(first int64) bool {
	if w.options.OnExists == Skip {
		return first < w.job.Asked
	}
	return first < w.job.Sent
}

// wasOver reports whether a key was over when the load began, so that no run of it has sent any.
func (w *Worker) wasOver(expire int64) bool { return expire != 0 && expire <= w.job.Began }

// takeUp continues the key in whose middle Job.From lies; r is the first record behind it.
// What an earlier run has sent of it behind the point is unknown. Of a hash, set or zset
// it is sent again. A list or stream goes on behind what is there: pieces of a list are sent
// one after the other, and the ids of a stream rise.
func (w *Worker) takeUp(ctx context.Context, r *format.Record) (*key, error) {
	open := w.job.From.Open
	k := w.newKey(r)
	w.open, w.queue.joined = k, nil
	k.first, k.taken, k.bytes, k.resumed, k.checked = open.First, open.Taken, open.Bytes, true, true
	k.queued, k.written = 1, 1
	if open.Out {
		k.out = leftOut // it has been counted
		return k, nil
	}
	if w.options.Rename != nil {
		if name, _ := w.options.Rename(w.db, k.kind, k.source); name != nil {
			k.name = append(k.name[:0], name...)
		}
	}
	if w.queue.isOver(ctx, k.expire) {
		w.account.expire(k)
		return k, w.queue.drop(ctx, k) // what was sent last may have made it anew, without an expiry
	}
	if k.kind != format.List && k.kind != format.Stream {
		return k, nil
	}
	n, err := w.length(ctx, k)
	if err != nil {
		return nil, err
	}
	if k.skip = n - k.taken; k.skip < 0 {
		return nil, stopped(w.db, target.LengthCommands[k.kind], k, strconv.FormatInt(n, 10), unequal(fmt.Errorf("expected %d at least", k.taken)))
	}
	if k.kind == format.List {
		k.length = k.taken
	} else if k.skip > 0 {
		k.last, err = w.lastEntry(ctx, k)
	}
	return k, err
}

// confirmLength compares the elements of a resumed key with those that were sent: the replies could
// not tell.
func (w *Worker) confirmLength(ctx context.Context, k *key) error {
	if !k.resumed || k.out != alive {
		return nil
	}
	if err := w.flush(ctx); err != nil || k.out != alive {
		return err
	}
	n, err := w.length(ctx, k)
	if err != nil {
		return err
	}
	if n == k.taken && k.skip == 0 {
		return nil
	}
	if w.queue.hasPassed(ctx, k.expire) {
		w.account.expire(k)
		return w.queue.drop(ctx, k)
	}
	return stopped(w.db, target.LengthCommands[k.kind], k, strconv.FormatInt(n, 10),
		unequal(fmt.Errorf("expected %d: does something else write to this key?", k.taken)))
}

func (w *Worker) length(ctx context.Context, k *key) (int64, error) {
	c, err := w.ask(ctx, k, target.LengthCommands[k.kind], k.name)
	if err != nil {
		return 0, err
	}
	n, ok := c.Reply.Integer()
	if !ok {
		return 0, w.stop(c, c.Reply.String(), resp.ErrUnexpected)
	}
	return n, nil
}

// lastEntry asks for the id of the last entry of a stream that has some.
func (w *Worker) lastEntry(ctx context.Context, k *key) (id format.StreamID, err error) {
	c, err := w.ask(ctx, k, "XREVRANGE", k.name, target.LastID.String(), "-", "COUNT", 1)
	if err != nil {
		return id, err
	}
	if list := c.Reply.List; len(list) == 1 && len(list[0].List) > 0 {
		if id, ok := format.ParseStreamID(list[0].List[0].Text); ok {
			return id, nil
		}
	}
	return id, w.stop(c, c.Reply.String(), resp.ErrUnexpected)
}

// ask sends one command about a resumed key. An error reply is an ErrUnequal if it concerns the key
// only: it has another type now.
func (w *Worker) ask(ctx context.Context, k *key, name string, args ...any) (*command, error) {
	var e resp.Encoder
	asks := []command{{key: k, Call: conn.Call{Name: name, Request: e.Request(name, args...)}}}
	if err := w.exec(ctx, &e, asks); err != nil {
		return nil, err
	}
	c := &asks[0]
	w.account.stats.Commands++
	if !c.Reply.IsError() {
		return c, nil
	}
	return nil, w.stop(c, c.Reply.Text, cmp.Or(conn.Fatal(c.Reply.Text), unequal(resp.ErrUnexpected)))
}
