package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

func (w *Worker) queueHash(ctx context.Context, k *key, r *format.Record) error {
	return w.queuePieces(ctx, k, "HSET", r.Elems, 2)
}

func (w *Worker) queueSet(ctx context.Context, k *key, r *format.Record) error {
	return w.queuePieces(ctx, k, "SADD", r.Elems, 1)
}

func (w *Worker) queueList(ctx context.Context, k *key, r *format.Record) error {
	for _, e := range r.Elems {
		if w.tooLong(e) {
			// A list without one of its elements is another list.
			w.leave(k, ReasonRefused, "RPUSH", w.limitText("element", len(e)))
			return nil
		}
	}
	elems := r.Elems
	if k.skip > 0 {
		w.dirty = true
		n := min(k.skip, int64(len(elems)))
		w.found(k, n, elems[:n])
		elems, k.skip = elems[n:], k.skip-n
		k.length += n
	}
	return w.queuePieces(ctx, k, "RPUSH", elems, 1)
}

// queuePieces sends elems, stride values to an element, in commands of bounded size.
func (w *Worker) queuePieces(ctx context.Context, k *key, name string, elems [][]byte, stride int) error {
	for len(elems) > 0 {
		if w.leaveTooLong(k, name, elems[:stride]) {
			elems = elems[stride:]
			continue
		}
		n, size := w.piece(elems, stride)
		ok, err := w.ready(ctx, k, size+len(k.name)+2*argOverhead)
		if !ok || err != nil {
			return err
		}
		c := command{key: k, want: wantCount, n: int64(n / stride), data: true, elements: n / stride}
		w.batch.begin(name)
		w.batch.name(k)
		for _, e := range elems[:n] {
			w.batch.bytes(e)
			c.bytes += len(e)
		}
		if k.queued == 0 {
			c.bytes += len(k.name)
		}
		if k.kind == format.List {
			k.length += c.n
			c.n = k.length
		}
		w.batch.end(c)
		w.expireAfter(k)
		elems = elems[n:]
	}
	return nil
}

// piece returns how many of elems go into one command, and their size.
func (w *Worker) piece(elems [][]byte, stride int) (n, size int) {
	o := &w.loader.options
	for n < len(elems) && n/stride < o.CommandElements {
		more := 0
		for _, e := range elems[n : n+stride] {
			if w.tooLong(e) {
				return n, size
			}
			more += len(e) + argOverhead
		}
		if n > 0 && size+more > o.CommandBytes {
			return n, size
		}
		size += more
		n += stride
	}
	return n, size
}

// leaveTooLong reports an element that the target cannot take, and says so.
func (w *Worker) leaveTooLong(k *key, name string, element [][]byte) bool {
	for _, e := range element {
		if w.tooLong(e) {
			w.dirty = true
			w.leaveMember(k, element[0], name, w.limitText("element", len(e)))
			return true
		}
	}
	return false
}
