package reader

import (
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// An exchange sends pipelines over one connection and asks for less where the replies are too large
// or too slow.
type exchange struct {
	s     *session
	c     *conn
	lost  int         // connections in a row
	apart int         // pipelines for which keys are looked for each by itself, see look
	part  resp.Buffer // replies of a part of a batch
}

// mostReplies is how many times ReplyBytes the replies of a pipeline take at most before it is
// given up, and less asked for: values can become large faster than the limits see.
const mostReplies = 4

// bound empties buf and bounds the replies of a pipeline, unless what it asks for cannot be less:
// the largest value has to fit. Those that are giants wait for one another.
func (x *exchange) bound(buf *resp.Buffer, least bool) {
	buf.Reset()
	buf.Max, buf.Hold = mostReplies*x.s.o.ReplyBytes, nil
	if least {
		buf.Max, buf.Hold = x.s.maxReply, &x.c.hold
	}
}

// again reports whether to ask again for less after err.
func (x *exchange) again(ctx context.Context, err error) (bool, error) {
	return x.c.again(ctx, err, &x.lost, x.s.source.Timeout)
}

// roundTripOrLess sends the batch and receives the replies. While the connection is lost, or the
// replies are too large, it makes the batch anew by less, which reports false if it cannot ask for
// less, and then sends fewer commands at once, or takes in what comes.
func (x *exchange) roundTripOrLess(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	f, err := x.send(ctx, b, buf)
	if err != nil {
		return nil, 0, err
	}
	return x.receiveOrRetry(ctx, f, keys, less)
}

// roundTripOrFewer is roundTripOrLess of the batch that build makes of n elements.
func (x *exchange) roundTripOrFewer(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys int, n *int, build func()) (*resp.Replies, time.Duration, error) {
	build()
	return x.roundTripOrLess(ctx, b, buf, keys, func() bool {
		can := *n > 1
		*n = less(*n)
		b.Reset()
		build()
		return can
	})
}

// receiveOrRetry is roundTripOrLess for a pipeline that is under way.
func (x *exchange) receiveOrRetry(ctx context.Context, f *pipeline, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	p, took, err := x.receive(ctx, f, keys)
	if err == nil {
		x.lost = 0
		return p, took, nil
	}
	return x.retrySmaller(ctx, err, f.b, f.buf, keys, less)
}

// retrySmaller goes on after a pipeline that failed. It ends with resp.ErrTooLarge if the least
// that can be asked for is too large.
func (x *exchange) retrySmaller(ctx context.Context, err error, b *resp.Batch, buf *resp.Buffer, keys int, less func() bool) (*resp.Replies, time.Duration, error) {
	for at, least := b.Len(), buf.Max == x.s.maxReply; ; {
		ok, fatal := x.again(ctx, err)
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
		p, took, failed := x.roundTrips(ctx, b, buf, keys, at, least)
		if failed == nil {
			x.lost = 0
			return p, took, nil
		}
		err = failed
	}
}

// roundTrips sends the batch n commands at a time; least if it cannot ask for less.
func (x *exchange) roundTrips(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys, n int, least bool) (*resp.Replies, time.Duration, error) {
	x.bound(buf, least)
	if n >= b.Len() {
		return x.roundTrip(ctx, b, buf, keys)
	}
	x.bound(&x.part, least)
	buf.Reset()
	var longest time.Duration
	for from := 0; from < b.Len(); from += n {
		part := b.Part(from, min(from+n, b.Len()))
		p, took, err := x.roundTrip(ctx, &part, &x.part, keys*part.Len()/b.Len())
		if err != nil {
			return nil, 0, err
		}
		longest = max(longest, took)
		err = buf.Append(p)
		x.part.Reset()
		if err != nil {
			return nil, 0, err
		}
	}
	return buf.Replies(b.Name(0)), longest, nil
}

// idleLimit is how long a connection may be idle before it is made anew rather than trusted;
// less where the server closes idle connections sooner.
const idleLimit = 10 * time.Second

// ready waits until the next pipeline may go. Long reports that this took so long that
// the connection was made anew, and that what was read before is old.
func (x *exchange) ready(ctx context.Context) (long bool, err error) {
	waited, err := x.s.o.Pacer.Wait(ctx)
	if err != nil {
		return false, err
	}
	idle := idleLimit
	if t := x.s.source.Timeout; t > 0 {
		idle = min(idle, t/2)
	}
	if waited < idle {
		return false, nil
	}
	return true, x.c.renew(ctx)
}

// roundTrip sends the batch, which reads so many keys, and tells how long the replies took beyond
// what the way to the server takes.
func (x *exchange) roundTrip(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys int) (*resp.Replies, time.Duration, error) {
	if err := x.c.settle(ctx); err != nil {
		return nil, 0, err
	}
	f := pipeline{b: b, buf: buf}
	x.c.write(ctx, &f)
	return x.receive(ctx, &f, keys)
}

// send sends the batch. Until receiveOrRetry is called, what the pipeline before has brought can be
// handed over; buf must not be that pipeline's.
func (x *exchange) send(ctx context.Context, b *resp.Batch, buf *resp.Buffer) (*pipeline, error) {
	if err := x.c.settle(ctx); err != nil {
		return nil, err
	}
	x.bound(buf, false)
	f := &pipeline{b: b, buf: buf}
	x.c.write(ctx, f)
	x.c.ahead = f
	return f, nil
}

// receive is the second half of roundTrip.
func (x *exchange) receive(ctx context.Context, f *pipeline, keys int) (*resp.Replies, time.Duration, error) {
	p := x.c.receive(ctx, f)
	if p.Err() != nil {
		return nil, 0, p.Err()
	}
	x.s.o.Pacer.Done(keys, p.Len(), f.took)
	return p, max(0, f.took-x.c.trip), nil
}
