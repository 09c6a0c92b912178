package reader

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// A conn is one connection to the source, in one database. It sends pipelines and
// gives back raw replies. It is not safe for concurrent use.
type conn struct {
	client *redis.Client
	c      *redis.Conn
	stop   func() bool // ends the watch over the context
	pipe   redis.Pipeliner
	spare  replyBuffer // for single commands
	o      *Options
	db     int
	trip   time.Duration // what a command takes that does nothing
}

// dial connects, authenticates and selects. ctx ends the connection as well: when
// it is cancelled a reply that is being waited for is given up.
func dial(ctx context.Context, o *Options, db int) (*conn, error) {
	client := redis.NewClient(&redis.Options{
		Addr:     o.Addr,
		Protocol: 2,
		// Pika knows neither CLIENT SETINFO nor maintenance notifications, and a retried
		// command would hide that the source lost a connection.
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries:               -1,
		DialerRetries:            1,
		PoolSize:                 1,
		DialTimeout:              o.DialTimeout,
		ReadTimeout:              o.ReplyTimeout,
		WriteTimeout:             o.ReplyTimeout,
		ContextTimeoutEnabled:    true,
		ReadBufferSize:           128 << 10,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d := net.Dialer{Timeout: o.DialTimeout}
			c, err := d.DialContext(ctx, network, addr)
			if err != nil || o.TLS == nil {
				return &noHello{Conn: c}, err
			}
			t := tls.Client(c, o.TLS)
			if err := t.HandshakeContext(ctx); err != nil {
				c.Close()
				return nil, err
			}
			return &noHello{Conn: t}, nil
		},
	})
	c := &conn{client: client, c: client.Conn(), o: o, db: db}
	c.stop = context.AfterFunc(ctx, func() { client.Close() })
	c.pipe = c.c.Pipeline()
	if err := c.login(ctx, o, db); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// renew replaces the connection by a new one.
func (c *conn) renew(ctx context.Context) error {
	fresh, err := dial(ctx, c.o, c.db)
	if err != nil {
		return fmt.Errorf("connect to %s again: %w", c.o.Addr, err)
	}
	c.close()
	*c = *fresh
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
	p, err := c.do(ctx, "SELECT", db) // connected only now if there was no AUTH
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
	c.client.Close()
}

// A batch is the commands of one pipeline.
type batch struct {
	cmds [][]any
}

func (b *batch) reset()          { b.cmds = b.cmds[:0] }
func (b *batch) add(args ...any) { b.cmds = append(b.cmds, args) }

// names says what was asked: a Pika answers a pipeline only when all of it is done, so that any of
// its commands may be the one that hangs.
func (b *batch) names() string {
	if len(b.cmds) == 1 {
		return commandName(b.cmds[0])
	}
	var names []string
	for _, args := range b.cmds {
		if name := fmt.Sprint(args[0]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	last := b.cmds[len(b.cmds)-1]
	return fmt.Sprintf("one of %d commands (%s), the last of them %s", len(b.cmds), strings.Join(names, ", "), commandName(last))
}

// send sends the batch and collects all its replies in buf.
func (c *conn) send(ctx context.Context, b *batch, buf *replyBuffer) (*parser, error) {
	buf.reset()
	if len(b.cmds) == 0 {
		return &parser{}, nil
	}
	for _, args := range b.cmds {
		if err := c.pipe.Process(ctx, redis.NewRawWriteToCmd(ctx, buf, args...)); err != nil {
			return nil, err
		}
	}
	if _, err := c.pipe.Exec(ctx); err != nil {
		return nil, c.failed(ctx, b, err)
	}
	return &parser{b: buf.b, cmd: commandName(b.cmds[0])}, nil
}

// failed says what was being asked when the connection failed.
func (c *conn) failed(ctx context.Context, b *batch, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errReplyTooLarge) {
		return fmt.Errorf("%s: %w; lower --page-keys", commandName(b.cmds[0]), err)
	}
	what := b.names()
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("%w: %w; is the address right, and is the server running?", ErrUnavailable, err)
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: no reply to %s in time: %w", ErrUnavailable, what, err)
	}
	return fmt.Errorf("%w: %w at %s: %w", ErrUnavailable, errLost, what, err)
}

// do sends one command. The parser is valid until the next call.
func (c *conn) do(ctx context.Context, args ...any) (*parser, error) {
	b := batch{cmds: [][]any{args}}
	return c.send(ctx, &b, &c.spare)
}

// commandName returns what of a command an error may show: its name and its key,
// never a password or value.
func commandName(args []any) string {
	name := fmt.Sprint(args[0])
	if len(args) > 1 && name != "AUTH" {
		if key, ok := args[1].([]byte); ok {
			return name + " " + quoteKey(key)
		}
		return name + " " + fmt.Sprint(args[1])
	}
	return name
}

// noHello answers the HELLO that go-redis opens every connection with in the
// server's place: Pika before 3.5.3 can crash on it, and no version needs it
// (SERVERS.md P8). go-redis takes the error for a server without HELLO.
type noHello struct {
	net.Conn
	done  bool
	reply []byte
}

var hello = []byte("$5\r\nhello\r\n")

func (c *noHello) Write(p []byte) (int, error) {
	if !c.done {
		c.done = true
		if bytes.Contains(p[:min(len(p), 32)], hello) {
			c.reply = []byte("-ERR unknown command 'hello'\r\n")
			return len(p), nil
		}
	}
	return c.Conn.Write(p)
}

func (c *noHello) Read(p []byte) (int, error) {
	if len(c.reply) > 0 {
		n := copy(p, c.reply)
		c.reply = c.reply[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
