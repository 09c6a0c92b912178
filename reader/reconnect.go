package reader

import (
	"context"
	"errors"
	"fmt"
	"time"
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
func (w *walk) bound(buf *replyBuffer, least bool) {
	buf.max = mostReplies * w.s.o.ReplyBytes
	if least {
		buf.max = w.s.maxReply
	}
}

// again reports whether to ask again for less after err, over a connection made anew. Everything
// sent is a read, and where a pass stands only we know: asking again is safe. A connection is lost because too much was asked for, or
// because the source is away: first less is asked for at once, then it is waited.
func (w *walk) again(ctx context.Context, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, err
	case errors.Is(err, errReplyTooLarge): // the rest of them is still to come
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
func (w *walk) shrink(ctx context.Context, b *batch, buf *replyBuffer, keys int, less func() bool) (*parser, time.Duration, error) {
	f, err := w.takeOff(ctx, b, buf)
	if err != nil {
		return nil, 0, err
	}
	return w.arrive(ctx, f, keys, less)
}

// arrive is shrink for a flight that is under way.
func (w *walk) arrive(ctx context.Context, f *flight, keys int, less func() bool) (*parser, time.Duration, error) {
	p, took, err := w.land(ctx, f, keys)
	if err == nil {
		w.lost = 0
		return p, took, nil
	}
	return w.insist(ctx, err, f.b, f.buf, keys, less)
}

// insist goes on after a flight that failed. It ends with errReplyTooLarge if the least that can be asked for is too large.
func (w *walk) insist(ctx context.Context, err error, b *batch, buf *replyBuffer, keys int, less func() bool) (*parser, time.Duration, error) {
	for at, least := b.len(), buf.max == w.s.maxReply; ; {
		ok, fatal := w.again(ctx, err)
		large := errors.Is(err, errReplyTooLarge)
		switch {
		case !ok:
			return nil, 0, fatal
		case less():
		case !large:
			at = max(1, min(at, b.len())/askLess)
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
func (w *walk) flySome(ctx context.Context, b *batch, buf *replyBuffer, keys, n int, least bool) (*parser, time.Duration, error) {
	w.bound(buf, least)
	if n >= b.len() {
		return w.fly(ctx, b, buf, keys)
	}
	w.bound(&w.part, least)
	buf.reset()
	var longest time.Duration
	for from := 0; from < b.len(); from += n {
		part := b.part(from, min(from+n, b.len()))
		p, took, err := w.fly(ctx, &part, &w.part, keys*part.len()/b.len())
		if err != nil {
			return nil, 0, err
		}
		longest = max(longest, took)
		if len(buf.b)+len(p.b) > buf.limit() {
			return nil, 0, fmt.Errorf("%s: %w", p.cmd, errReplyTooLarge)
		}
		buf.b = append(buf.b, p.b...)
	}
	return &parser{b: buf.b, cmd: b.name(0)}, longest, nil
}
