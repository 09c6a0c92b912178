package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

func (q *queue) addList(ctx context.Context, k *key, r *format.Record) error {
	for _, e := range r.Elems {
		if q.tooLong(e) {
			// A list without one of its elements is another list.
			q.account.leave(k, ReasonRefused, "RPUSH", q.target.LimitText("element", len(e)))
			return nil
		}
	}
	elems := r.Elems
	if k.skip > 0 {
		q.dirty = true
		n := min(k.skip, int64(len(elems)))
		q.found(k, n, elems[:n])
		elems, k.skip = elems[n:], k.skip-n
		k.length += n
	}
	return q.addElements(ctx, k, "RPUSH", elems, 1)
}

// addElements sends elems, stride values to an element, in commands of bounded size.
func (q *queue) addElements(ctx context.Context, k *key, name string, elems [][]byte, stride int) error {
	for len(elems) > 0 {
		if q.leaveTooLong(k, name, elems[:stride]) {
			elems = elems[stride:]
			continue
		}
		n, size := q.fitting(elems, stride)
		ok, err := q.ready(ctx, k, size+len(k.name)+2*argOverhead)
		if !ok || err != nil {
			return err
		}
		c := command{key: k, want: wantCount, n: int64(n / stride), data: true, elements: n / stride}
		q.batch.begin(name)
		q.batch.name(k)
		for _, e := range elems[:n] {
			q.batch.bytes(e)
			c.bytes += len(e)
		}
		if k.queued == 0 {
			c.bytes += len(k.name)
		}
		if k.kind == format.List {
			k.length += c.n
			c.n = k.length
		}
		q.batch.end(c)
		q.expireAfter(k)
		elems = elems[n:]
	}
	return nil
}

// fitting returns how many of elems go into one command, and their size.
func (q *queue) fitting(elems [][]byte, stride int) (n, size int) {
	o := q.options
	for n < len(elems) && n/stride < o.CommandElements {
		more := 0
		for _, e := range elems[n : n+stride] {
			if q.tooLong(e) {
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
func (q *queue) leaveTooLong(k *key, name string, element [][]byte) bool {
	for _, e := range element {
		if q.tooLong(e) {
			q.dirty = true
			q.account.leaveMember(k, element[0], name, q.target.LimitText("element", len(e)))
			return true
		}
	}
	return false
}
