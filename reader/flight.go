package reader

import (
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Pacer says when the next flight may go, for all passes together: a flight is the
// commands of one pipeline. Its methods are called from many goroutines.
type Pacer interface {
	// Wait returns when a flight may go, and how long that took.
	Wait(ctx context.Context) (time.Duration, error)
	// Done says what a flight brought: so many keys, bytes of replies, and after how long.
	Done(keys, bytes int, took time.Duration)
}

// unpaced lets every flight go at once.
type unpaced struct{}

func (unpaced) Wait(context.Context) (time.Duration, error) { return 0, nil }
func (unpaced) Done(int, int, time.Duration)                {}

// idleLimit is how long a connection may be idle before it is made anew rather than trusted;
// less where the server closes idle connections sooner.
const idleLimit = 10 * time.Second

// ready waits until the next flight may go. Long reports that this took so long that
// the connection was made anew, and that what was read before is old.
func (w *walk) ready(ctx context.Context) (long bool, err error) {
	waited, err := w.s.o.Pacer.Wait(ctx)
	if err != nil {
		return false, err
	}
	idle := idleLimit
	if t := w.s.source.Timeout; t > 0 {
		idle = min(idle, t/2)
	}
	if waited < idle {
		return false, nil
	}
	return true, w.c.renew(ctx)
}

// A flight is a batch on its way, and its replies.
type flight struct {
	b      *resp.Batch
	buf    *resp.Buffer
	sent   time.Time
	took   time.Duration // until all replies were there, or were looked for
	landed bool          // the replies are in buf, or err says why not
	err    error
}

// send sends the batch and collects all its replies in buf. It tries again as retry does.
func (c *conn) send(ctx context.Context, b *resp.Batch, buf *resp.Buffer) (*resp.Replies, error) {
	for {
		p, err := c.try(ctx, b, buf)
		if err == nil || !transient(err) || ctx.Err() != nil {
			return p, err
		}
		if err := c.retry(ctx, err); err != nil {
			return nil, err
		}
	}
}

// try sends the batch once.
func (c *conn) try(ctx context.Context, b *resp.Batch, buf *resp.Buffer) (*resp.Replies, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	f := flight{b: b, buf: buf}
	c.launch(ctx, &f)
	return c.land(ctx, &f)
}

// launch sends the flight's batch.
func (c *conn) launch(ctx context.Context, f *flight) {
	f.buf.Reset()
	f.sent, f.took, f.landed, f.err = time.Now(), 0, f.b.Len() == 0, nil
	if f.landed {
		return
	}
	err := c.c.SetWriteDeadline(f.sent.Add(c.o.ReplyTimeout))
	if err == nil {
		_, err = c.c.Write(f.b.Bytes())
	}
	if err != nil {
		c.lose(ctx, f, err)
	}
}

// lose ends a flight and its connection.
func (c *conn) lose(ctx context.Context, f *flight, err error) {
	c.c.Close()
	f.landed, f.err = true, c.failed(ctx, f.b, err)
}

// settle takes in the replies of the flight that is ahead before anybody asks for them, so that another can
// go. Whoever lands it hears of a lost connection, which is made anew here.
func (c *conn) settle(ctx context.Context) error {
	f := c.ahead
	if f == nil {
		return nil
	}
	_, err := c.land(ctx, f)
	if (transient(err) || errors.Is(err, resp.ErrTooLarge)) && ctx.Err() == nil {
		return c.renew(ctx)
	}
	return err
}

// land waits for the replies.
func (c *conn) land(ctx context.Context, f *flight) (*resp.Replies, error) {
	if c.ahead == f {
		c.ahead = nil
	}
	if !f.landed {
		f.landed = true
		err := c.c.SetReadDeadline(time.Now().Add(c.o.ReplyTimeout))
		if err == nil {
			err = f.buf.Fill(c.c, f.b.Len())
		}
		f.took = time.Since(f.sent)
		if c.o.sawBuffer != nil {
			c.o.sawBuffer(f.buf.Cap())
		}
		if err != nil {
			c.lose(ctx, f, err)
		} else if c.up {
			c.backoff = backoff{}
		}
	}
	if f.err != nil || f.b.Len() == 0 {
		return &resp.Replies{}, f.err
	}
	return f.buf.Replies(f.b.Name(0)), nil
}

// fly sends the batch, which reads so many keys, and tells how long the replies took beyond
// what the way to the server takes.
func (w *walk) fly(ctx context.Context, b *resp.Batch, buf *resp.Buffer, keys int) (*resp.Replies, time.Duration, error) {
	if err := w.c.settle(ctx); err != nil {
		return nil, 0, err
	}
	f := flight{b: b, buf: buf}
	w.c.launch(ctx, &f)
	return w.land(ctx, &f, keys)
}

// takeOff sends the batch. Until arrive is called, what the flight before has brought can be handed over; buf must not
// be that flight's.
func (w *walk) takeOff(ctx context.Context, b *resp.Batch, buf *resp.Buffer) (*flight, error) {
	if err := w.c.settle(ctx); err != nil {
		return nil, err
	}
	w.bound(buf, false)
	f := &flight{b: b, buf: buf}
	w.c.launch(ctx, f)
	w.c.ahead = f
	return f, nil
}

// land is the second half of fly.
func (w *walk) land(ctx context.Context, f *flight, keys int) (*resp.Replies, time.Duration, error) {
	p, err := w.c.land(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	w.s.o.Pacer.Done(keys, p.Len(), f.took)
	return p, max(0, f.took-w.c.trip), nil
}
