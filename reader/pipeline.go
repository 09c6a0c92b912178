package reader

import (
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A pipeline is a batch on its way, and its replies.
type pipeline struct {
	b        *resp.Batch
	buf      *resp.Buffer
	sent     time.Time
	took     time.Duration // until all replies were there, or were looked for
	received bool          // the replies are in buf, or err says why not
	err      error
}

// ask sends the batch and collects all its replies in buf. It tries again as retry does.
func (c *conn) ask(ctx context.Context, b *resp.Batch, buf *resp.Buffer) *resp.Replies {
	for {
		p := c.askOnce(ctx, b, buf)
		if !transient(p.Err()) || ctx.Err() != nil {
			return p
		}
		if err := c.retry(ctx, p.Err()); err != nil {
			return resp.Failed(err)
		}
	}
}

func (c *conn) askOnce(ctx context.Context, b *resp.Batch, buf *resp.Buffer) *resp.Replies {
	if err := c.settle(ctx); err != nil {
		return resp.Failed(err)
	}
	f := pipeline{b: b, buf: buf}
	c.write(ctx, &f)
	return c.receive(ctx, &f)
}

func (c *conn) write(ctx context.Context, f *pipeline) {
	f.buf.Reset()
	f.sent, f.took, f.received, f.err = time.Now(), 0, f.b.Len() == 0, nil
	if f.received {
		return
	}
	err := c.c.SetWriteDeadline(f.sent.Add(c.d.ReplyTimeout))
	if err == nil {
		_, err = c.c.Write(f.b.Bytes())
	}
	if err != nil {
		c.lose(ctx, f, err)
	}
}

// lose ends a pipeline and its connection.
func (c *conn) lose(ctx context.Context, f *pipeline, err error) {
	c.c.Close()
	f.received, f.err = true, c.failed(ctx, f.b, err)
}

// settle takes in the replies of the pipeline that is ahead before anybody asks for them, so that
// another can go. Whoever receives it hears of a lost connection, which is made anew here.
func (c *conn) settle(ctx context.Context) error {
	f := c.ahead
	if f == nil {
		return nil
	}
	err := c.receive(ctx, f).Err()
	if (transient(err) || errors.Is(err, resp.ErrTooLarge)) && ctx.Err() == nil {
		return c.renew(ctx)
	}
	return err
}

func (c *conn) receive(ctx context.Context, f *pipeline) *resp.Replies {
	if c.ahead == f {
		c.ahead = nil
	}
	if !f.received {
		f.received = true
		waited := c.hold.Waited
		err := c.c.SetReadDeadline(time.Now().Add(c.d.ReplyTimeout))
		if err == nil {
			c.hold.Context = ctx
			err = f.buf.Fill(&replyReader{c, waited}, f.b.Len())
		}
		f.took = time.Since(f.sent) - (c.hold.Waited - waited)
		if c.d.sawBuffer != nil {
			c.d.sawBuffer(f.buf.Cap())
		}
		if err != nil {
			c.lose(ctx, f, err)
		} else if c.up {
			c.progress = true
		}
	}
	if f.err != nil || f.b.Len() == 0 {
		return resp.Failed(f.err)
	}
	return f.buf.Replies(f.b.Name(0))
}

// A replyReader reads replies. After a wait for memory the server has its time anew.
type replyReader struct {
	c      *conn
	waited time.Duration
}

func (r *replyReader) Read(p []byte) (int, error) {
	if w := r.c.hold.Waited; w != r.waited {
		r.waited = w
		if err := r.c.c.SetReadDeadline(time.Now().Add(r.c.d.ReplyTimeout)); err != nil {
			return 0, err
		}
	}
	return r.c.c.Read(p)
}
