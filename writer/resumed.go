package writer

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// takeUp goes on with the key in whose middle Job.From lies; r is the first record behind it.
// What an earlier run has sent of it behind the point is unknown. Of a hash, set or zset
// it is sent again. A list or stream goes on behind what is there: pieces of a list are sent
// one after the other, and the ids of a stream rise.
func (w *Worker) takeUp(ctx context.Context, r *format.Record) (*key, error) {
	open := w.job.From.Open
	k := w.newKey(r)
	w.open, w.joined = k, nil
	k.first, k.taken, k.bytes, k.resumed, k.checked = open.First, open.Taken, open.Bytes, true, true
	k.queued, k.written = 1, 1
	if open.Out {
		k.out = leftOut // it has been counted
		return k, nil
	}
	if w.loader.options.Rename != nil {
		if name, _ := w.loader.options.Rename(w.db, k.kind, k.source); name != nil {
			k.name = append(k.name[:0], name...)
		}
	}
	if w.isOver(k.expire) {
		w.expire(k)
		return k, w.drop(ctx, k) // what was sent last may have made it anew, without an expiry
	}
	if k.kind != format.List && k.kind != format.Stream {
		return k, nil
	}
	n, err := w.length(ctx, k)
	if err != nil {
		return nil, err
	}
	if k.skip = n - k.taken; k.skip < 0 {
		return nil, w.stop(&command{name: lengthCommands[k.kind], key: k}, show(n), unequal(fmt.Errorf("expected %d at least", k.taken)))
	}
	if k.kind == format.List {
		k.length = k.taken
	} else if k.skip > 0 {
		k.last, err = w.lastEntry(ctx, k)
	}
	return k, err
}

// found counts elements of a resumed key that are on the target already.
func (w *Worker) found(k *key, n int64, texts [][]byte) {
	size := int64(0)
	for _, b := range texts {
		size += int64(len(b))
	}
	k.taken += n
	k.bytes += size
	w.stats.elements.Add(n)
	w.stats.bytes.Add(size)
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
	if w.hasPassed(k.expire) {
		w.expire(k)
		return w.drop(ctx, k)
	}
	return w.stop(&command{name: lengthCommands[k.kind], key: k}, show(n),
		unequal(fmt.Errorf("expected %d: does something else write to this key?", k.taken)))
}

// length asks how many elements the target has of k.
func (w *Worker) length(ctx context.Context, k *key) (int64, error) {
	ask := command{name: lengthCommands[k.kind], key: k}
	val, err := w.ask(ctx, &ask, redis.NewCmd(ctx, ask.name, k.name))
	if err != nil {
		return 0, err
	}
	n, ok := val.(int64)
	if !ok {
		return 0, w.stop(&ask, show(val), errUnexpected)
	}
	return n, nil
}

// lastEntry asks for the id of the last entry of a stream that has some.
func (w *Worker) lastEntry(ctx context.Context, k *key) (format.StreamID, error) {
	ask := command{name: "XREVRANGE", key: k}
	val, err := w.ask(ctx, &ask, redis.NewCmd(ctx, ask.name, k.name, "+", "-", "COUNT", 1))
	if err != nil {
		return format.StreamID{}, err
	}
	var id format.StreamID
	if list, ok := val.([]any); ok && len(list) == 1 {
		if pair, ok := list[0].([]any); ok && len(pair) > 0 {
			if n, err := fmt.Sscanf(fmt.Sprint(pair[0]), "%d-%d", &id.Ms, &id.Seq); n == 2 && err == nil {
				return id, nil
			}
		}
	}
	return id, w.stop(&ask, show(val), errUnexpected)
}

// ask sends one command about a resumed key. An error reply is an ErrUnequal if it concerns the key
// only: it has another type now.
func (w *Worker) ask(ctx context.Context, c *command, cmd *redis.Cmd) (any, error) {
	if err := w.route.exec(ctx, []redis.Cmder{cmd}); err != nil {
		return nil, w.stop(c, "", lost(err))
	}
	w.stats.commands.Add(1)
	val, err := cmd.Result()
	if reply, ok := errorReply(err); ok {
		if advice := stopsLoad(reply); advice != nil {
			return nil, w.stop(c, reply, advice)
		}
		return nil, w.stop(c, reply, unequal(errUnexpected))
	}
	if err != nil {
		return nil, w.stop(c, "", lost(err))
	}
	return val, nil
}
