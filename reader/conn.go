package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// Why there is no reply.
var (
	errConnect = errors.New("no connection")
	// errLost: the source closed the connection instead of answering. It does so to any whose
	// commands run longer than its timeout (SERVERS.md P14).
	errLost = errors.New("connection lost")
)

// A conn is one connection to the source, in one database. It sends pipelines and
// gives back raw replies. It is not safe for concurrent use.
type conn struct {
	c       net.Conn
	stop    func() bool // ends the watch over the context
	up      bool        // logged in
	ahead   *pipeline   // whose replies are still to come, or were taken in before they were asked for; nil: none
	spare   resp.Buffer // for single commands
	one     resp.Batch  // for the same
	d       *dialer
	db      int
	trip    time.Duration // what a command takes that does nothing
	hold    resp.Hold     // of giants, see exchange.bound
	backoff *retry.Backoff

	progress bool // something was read since backoff was asked
}

// sendBuffer is what the kernel takes of a connection's requests at least, whether the server
// reads them or not.
const sendBuffer = 256 << 10

// A dialer makes connections to one address.
type dialer struct {
	Options
	// recognize decides whether a new connection leads to the same server; nil: it is not known
	// yet.
	recognize func(ctx context.Context, c *conn) error
	giants    *resp.Memory // of all passes together
}

// giantBytes is what all passes together have for giant replies, or one that is larger.
const giantBytes = 64 << 20

// scanConn is dial for a pass, whose giants share memory with those of other passes. What is handed
// over of a type other than a string is encoded and compressed as a whole.
func (d *dialer) scanConn(ctx context.Context, db int, t format.Type) (*conn, error) {
	c, err := d.dial(ctx, db)
	if err == nil {
		c.hold = d.giants.Hold()
		if t != format.TypeString {
			c.hold.Copies = 3
		}
	}
	return c, err
}

// connect connects as the client library does, authenticates and selects; requests and replies then
// go straight over the connection, which costs half of what its commands do. ctx ends the
// connection as well: when it is cancelled a reply that is being waited for is given up.
func (c *conn) connect(ctx context.Context) error {
	nc, err := redis.NewDialer(&redis.Options{DialTimeout: c.d.DialTimeout, TLSConfig: c.d.TLS})(ctx, "tcp", c.d.Addr)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: %w: %w; is the address right, and is the server running?", ErrUnavailable, errConnect, err)
	}
	if err := setSendBuffer(nc); err != nil {
		nc.Close()
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c.c, c.stop = nc, context.AfterFunc(ctx, func() { nc.Close() })
	if err := c.login(ctx); err != nil {
		c.close()
		return err
	}
	c.up = true
	return nil
}

func setSendBuffer(nc net.Conn) error {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		return t.SetWriteBuffer(sendBuffer)
	}
	return nil
}

// renew replaces the connection by a new one.
func (c *conn) renew(ctx context.Context) error {
	c.drop()
	err := c.connect(ctx)
	if err != nil {
		err = c.retry(ctx, fmt.Errorf("connect to %s again: %w", c.d.Addr, err))
	}
	return err
}

// drop closes the connection; what is under way is lost.
func (c *conn) drop() {
	c.close()
	c.up = false
	if f := c.ahead; f != nil && !f.received {
		f.received, f.err = true, fmt.Errorf("%w: %w", ErrUnavailable, errLost)
	}
	c.ahead = nil
}

// login sends AUTH and SELECT as commands of their own: AUTH inside HELLO breaks
// a Pika without a password (SERVERS.md P8).
func (c *conn) login(ctx context.Context) error {
	d := c.d
	if d.Password != "" {
		args := []any{"AUTH", d.Password}
		if d.Username != "" {
			args = []any{"AUTH", d.Username, d.Password}
		}
		p := c.doOnce(ctx, args...)
		if p.Err() != nil {
			return p.Err()
		}
		if err := p.Status(); err != nil {
			if re, ok := errors.AsType[*ReplyError](err); ok && strings.Contains(re.Reply, d.Password) { // one that does not know AUTH repeats its arguments
				return fmt.Errorf("%w: the source does not take AUTH; is it a Pika?", ErrAuth)
			}
			if transient(err) {
				return err
			}
			return fmt.Errorf("%w: %w", ErrAuth, err)
		}
	}
	if err := c.doOnce(ctx, "SELECT", c.db).Status(); err != nil {
		return err
	}
	start := time.Now()
	p := c.doOnce(ctx, "PING")
	c.trip = time.Since(start)
	if p.Skip(); p.Err() != nil || d.recognize == nil {
		return p.Err()
	}
	return d.recognize(ctx, c)
}

func (c *conn) close() {
	if c.c != nil {
		c.stop()
		c.c.Close()
	}
}

// end closes the connection of a pass, whose buffers are not used any more.
func (c *conn) end() {
	c.close()
	c.hold.Close()
}

// failed says what was being asked when the connection failed.
func (c *conn) failed(ctx context.Context, b *resp.Batch, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, resp.ErrTooLarge) {
		return fmt.Errorf("%s: %w", b.Name(0), err)
	}
	if re, ok := errors.AsType[*ReplyError](err); ok {
		return &ReplyError{Command: b.Names(), Reply: re.Reply}
	}
	what := b.Names()
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("%w: no reply to %s in time: %w", ErrUnavailable, what, err)
	}
	return fmt.Errorf("%w: %w at %s: %w", ErrUnavailable, errLost, what, err)
}

// do sends one command, again if need be. The parser is valid until the next call.
func (c *conn) do(ctx context.Context, args ...any) *resp.Replies {
	c.one.Reset()
	c.one.Add(args...)
	return c.ask(ctx, &c.one, &c.spare)
}

// doOnce is do without trying again, and keeps the batch of do: that is what is sent again once
// this has logged in.
func (c *conn) doOnce(ctx context.Context, args ...any) *resp.Replies {
	var b resp.Batch
	b.Add(args...)
	return c.askOnce(ctx, &b, &resp.Buffer{})
}
