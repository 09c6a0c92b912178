package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// maxLost is how many times in a row a pass connects again at once and asks for less.
const maxLost = 8

// askLess is by how much less it then asks for.
const askLess = 8

// less returns less than n.
func less(n int) int { return max(1, n/askLess) }

// mostReplies is how many times ReplyBytes the replies of a flight take at most before it is given up, and less asked for:
// values can become large faster than the limits see.
const mostReplies = 4

// bound bounds the replies of a flight, unless what it asks for cannot be less: the largest value has to fit.
func (w *walk) bound(buf *resp.Buffer, least bool) {
	buf.Max = mostReplies * w.s.o.ReplyBytes
	if least {
		buf.Max = w.s.maxReply
	}
}

// again reports whether to ask again for less after err, over a connection made anew. Everything
// sent is a read, and where a pass stands only we know: asking again is safe. A connection is lost because too much was asked for, or
// because the source is away: first less is asked for at once, then it is waited.
func (w *walk) again(ctx context.Context, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, err
	case errors.Is(err, resp.ErrTooLarge): // the rest of them is still to come
		err = w.c.renew(ctx)
	case !transient(err):
		return false, err
	case errors.Is(err, errLost) && w.lost < maxLost:
		w.lost++
		err = w.c.renew(ctx)
	default:
		if errors.Is(err, errLost) {
			t := "unknown"
			if w.s.source.Timeout > 0 {
				t = w.s.source.Timeout.String()
			}
			err = fmt.Errorf("%w (however little was asked for; the source's timeout is %s: CONFIG SET timeout 0 there for the time of the dump may help)", err, t)
		}
		err = w.c.retry(ctx, err)
	}
	return err == nil, err
}

// shrink flies the batch. While the connection is lost, or the replies are too large, it makes the batch anew by less, which
// reports false if it cannot ask for less, and then sends fewer commands at once, or takes in what comes.
func (w *walk) shrink(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	f, err := w.takeOff(ctx, b, buf)
	if err != nil {
		return nil, 0, err
	}
	return w.arrive(ctx, f, keys, less)
}

// arrive is shrink for a flight that is under way.
func (w *walk) arrive(ctx context.Context, f *flight, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	p, took, err := w.land(ctx, f, keys)
	if err == nil {
		w.lost = 0
		return p, took, nil
	}
	return w.insist(ctx, err, f.b, f.buf, keys, less)
}

// insist goes on after a flight that failed. It ends with resp.ErrTooLarge if the least that can be asked for is too large.
func (w *walk) insist(ctx context.Context, err error, b *resp.Batch, buf *resp.Buffer, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	for at, least := b.Len(), buf.Max == w.s.maxReply; ; {
		ok, fatal := w.again(ctx, err)
		large := errors.Is(err, resp.ErrTooLarge)
		switch {
		case !ok:
			return nil, 0, fatal
		case less():
		case !large:
			at = max(1, min(at, b.Len())/askLess)
		case least:
			return nil, 0, err
		default:
			least = true
		}
		p, took, failed := w.flySome(ctx, b, buf, keys, at, least)
		if failed == nil {
			w.lost = 0
			return p, took, nil
		}
		err = failed
	}
}

// flySome flies the batch n commands at a time; least if it cannot ask for less.
func (w *walk) flySome(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys, n int, least bool) (*resp.Replies, time.Duration, error) {
	w.bound(buf, least)
	if n >= b.Len() {
		return w.fly(ctx, b, buf, keys)
	}
	w.bound(&w.part, least)
	buf.Reset()
	var longest time.Duration
	for from := 0; from < b.Len(); from += n {
		part := b.Part(from, min(from+n, b.Len()))
		p, took, err := w.fly(ctx, &part, &w.part, keys*part.Len()/b.Len())
		if err != nil {
			return nil, 0, err
		}
		longest = max(longest, took)
		if err := buf.Append(p); err != nil {
			return nil, 0, err
		}
	}
	return buf.Replies(b.Name(0)), longest, nil
}
