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
)

// A conn is one connection to the source, in one database. It sends pipelines and
// gives back raw replies. It is not safe for concurrent use.
type conn struct {
	c     net.Conn
	stop  func() bool // ends the watch over the context
	ahead *flight     // whose replies are still to come, or were taken in before they were asked for; nil: none
	spare replyBuffer // for single commands
	one   batch       // for the same
	o     *Options
	db    int
	trip  time.Duration // what a command takes that does nothing
}

// sendBuffer is what the kernel takes of a connection's requests at least, whether the server
// reads them or not.
const sendBuffer = 256 << 10

// dial connects as the client library does, authenticates and selects; requests and replies then go straight over the
// connection, which costs half of what its commands do. ctx ends the connection as well: when
// it is cancelled a reply that is being waited for is given up.
func dial(ctx context.Context, o *Options, db int) (*conn, error) {
	nc, err := redis.NewDialer(&redis.Options{DialTimeout: o.DialTimeout, TLSConfig: o.TLS})(ctx, "tcp", o.Addr)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%w: %w; is the address right, and is the server running?", ErrUnavailable, err)
	}
	if err := setSendBuffer(nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	c := &conn{c: nc, o: o, db: db}
	c.stop = context.AfterFunc(ctx, func() { nc.Close() })
	if err := c.login(ctx, o, db); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
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
	fresh, err := dial(ctx, c.o, c.db)
	if err != nil {
		return fmt.Errorf("connect to %s again: %w", c.o.Addr, err)
	}
	c.close()
	ahead := c.ahead
	*c = *fresh
	if ahead != nil && !ahead.landed {
		ahead.landed, ahead.err = true, fmt.Errorf("%w: %w", ErrUnavailable, errLost)
	}
	return nil
}

// login sends AUTH and SELECT as commands of their own: AUTH inside HELLO breaks
// a Pika without a password (SERVERS.md P8).
func (c *conn) login(ctx context.Context, o *Options, db int) error {
	if o.Password != "" {
		args := []any{"AUTH", o.Password}
		if o.Username != "" {
			args = []any{"AUTH", o.Username, o.Password}
		}
		p, err := c.do(ctx, args...)
		if err != nil {
			return err
		}
		if err := p.status(); err != nil {
			var re *ReplyError
			if errors.As(err, &re) && strings.Contains(re.Reply, o.Password) { // one that does not know AUTH repeats its arguments
				return fmt.Errorf("%w: the source does not take AUTH; is it a Pika?", ErrAuth)
			}
			return fmt.Errorf("%w: %w", ErrAuth, err)
		}
	}
	p, err := c.do(ctx, "SELECT", db)
	if err != nil {
		return err
	}
	if err := p.status(); err != nil {
		return err
	}
	start := time.Now()
	if p, err = c.do(ctx, "PING"); err != nil {
		return err
	}
	c.trip = time.Since(start)
	return p.skipReply()
}

func (c *conn) close() {
	c.stop()
	c.c.Close()
}

// failed says what was being asked when the connection failed.
func (c *conn) failed(ctx context.Context, b *batch, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errReplyTooLarge) {
		return fmt.Errorf("%s: %w", b.name(0), err)
	}
	what := b.names()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: no reply to %s in time: %w", ErrUnavailable, what, err)
	}
	return fmt.Errorf("%w: %w at %s: %w", ErrUnavailable, errLost, what, err)
}

// do sends one command. The parser is valid until the next call.
func (c *conn) do(ctx context.Context, args ...any) (*parser, error) {
	c.one.reset()
	c.one.add(args...)
	return c.send(ctx, &c.one, &c.spare)
}
