package writer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// bufferSize is of a connection's reader and writer: go-redis gains nothing above it.
const bufferSize = 64 << 10

// A conn is one connection, authenticated and in its keyspace. It is never
// re-established: what was in flight on a lost one is unknown.
type conn struct {
	*redis.Conn
	client  *redis.Client
	timeout time.Duration // of the writing, and of the reading, of a pipeline
	in      *bufio.Reader // nil: exchange has read nothing yet
	values  valueReader   // of replies of any shape
	out     net.Buffers

	net   net.Conn
	given bool // the library has it

	fence   *fence // nil: it is for nothing that may not be run late
	addr    string // of the server
	name    string // by which the server lists it; empty: it refused that
	pending bool   // what changes keys is under way
}

// abort closes the connection under a command that waits. It may be called from anywhere.
func (c *conn) abort() {
	c.net.Close()
}

// give is the dialer of the client library: it gets the connection that is there, once.
func (c *conn) give(context.Context, string, string) (net.Conn, error) {
	if c.given {
		return nil, net.ErrClosed
	}
	c.given = true
	return c.net, nil
}

// dial connects to the keyspace p.
func (o *Options) dial(ctx context.Context, p Keyspace) (*conn, error) {
	settings := &redis.Options{
		Addr:                     o.Addr,
		TLSConfig:                o.TLS,
		DialTimeout:              o.DialTimeout,
		DialerRetries:            1,
		ReadTimeout:              o.ReadTimeout,
		WriteTimeout:             o.ReadTimeout,
		ContextTimeoutEnabled:    true,
		ReadBufferSize:           bufferSize,
		WriteBufferSize:          bufferSize,
		PoolSize:                 1,
		PipelinePoolSize:         -1,
		MaxRetries:               -1, // a repeated RPUSH would push twice
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	nc, err := redis.NewDialer(settings)(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, o.connectError(err)
	}
	c := &conn{net: nc, timeout: o.ReadTimeout}
	settings.Dialer = c.give
	c.client = redis.NewClient(settings)
	c.Conn = c.client.Conn()
	stop := context.AfterFunc(ctx, c.abort)
	defer stop()
	if err := o.enter(ctx, c, p); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection.
func (c *conn) Close() error {
	if c.pending && c.fence != nil {
		c.fence.lose(c)
		c.pending = false
	}
	err := errors.Join(c.Conn.Close(), c.client.Close())
	c.net.Close() // which the library may never have had
	return err
}

// enter authenticates and selects. AUTH goes by itself and not inside the HELLO that
// the client library sends, which brings some servers out of step (SERVERS.md K2).
func (o *Options) enter(ctx context.Context, c *conn, p Keyspace) error {
	var err error
	switch {
	case p.Token != "":
		err = c.Do(ctx, "AUTH", p.Token).Err()
	case o.Username != "":
		err = c.Do(ctx, "AUTH", o.Username, o.Password).Err()
	case o.Password != "":
		err = c.Do(ctx, "AUTH", o.Password).Err()
	}
	if reply, ok := errorReply(err); ok {
		return o.refusedAuth(reply, p)
	}
	if err != nil {
		return o.connectError(err)
	}
	if p.DB == 0 {
		return nil
	}
	if err = c.Do(ctx, "SELECT", p.DB).Err(); err == nil {
		return o.checkSelect(ctx, c, p.DB)
	}
	if reply, ok := errorReply(err); ok {
		return o.refusedAtStart("SELECT", reply)
	}
	return o.connectError(err)
}

// refusedAuth never repeats reply: a server that does not know AUTH shows its arguments.
func (o *Options) refusedAuth(reply string, p Keyspace) error {
	what := "password"
	if p.Token != "" {
		what = "namespace token"
	}
	lower := strings.ToLower(reply)
	if advice := stopsLoad(reply); errors.Is(advice, ErrTransient) {
		return &causeError{ErrTransient, fmt.Errorf("target %s refuses AUTH: %w", o.Addr, advice)}
	}
	switch {
	case strings.Contains(lower, "no password is set"), strings.Contains(lower, "without any password configured"):
		return authError("target %s has no password: leave the %s out", o.Addr, what)
	case strings.HasPrefix(reply, "WRONGPASS"), strings.Contains(lower, "invalid password"), strings.Contains(lower, "invaild password"):
		if o.Username != "" && p.Token == "" {
			return authError("target %s refuses the user name or the password", o.Addr)
		}
		return authError("target %s refuses the %s: it is wrong", o.Addr, what)
	case o.Username != "" && p.Token == "" && strings.Contains(lower, "wrong number of arguments"):
		return authError("target %s knows no user names (Kvrocks has none): give only a password", o.Addr)
	}
	return authError("target %s refuses AUTH", o.Addr)
}

// checkSelect makes sure that SELECT did something: most versions of Kvrocks answer
// OK to any number and stay where they are (SERVERS.md K3).
func (o *Options) checkSelect(ctx context.Context, c *conn, db int) error {
	info, err := c.Do(ctx, "CLIENT", "INFO").Text()
	if _, ok := errorReply(err); err != nil && !ok {
		return o.connectError(err)
	}
	if err == nil && clientField(info, "db") == strconv.Itoa(db) {
		return nil
	}
	return preflightError("SELECT %d on target %s answers OK and changes nothing, so the databases would be mixed: "+
		"give each its own namespace with --map-db", db, o.Addr)
}

// refusedAtStart is the error for an error reply to one of the first commands.
func (o *Options) refusedAtStart(command, reply string) error {
	switch {
	case strings.HasPrefix(reply, "NOAUTH"):
		return authError("target %s wants a password: give one", o.Addr)
	case strings.HasPrefix(reply, "NOPERM"):
		return authError("target %s does not let this user run %s: %s", o.Addr, command, reply)
	case strings.HasPrefix(reply, "LOADING"):
		return &causeError{ErrTransient, preflightError("target %s is still loading its data: try again when it is done", o.Addr)}
	case strings.HasPrefix(reply, "MASTERDOWN"):
		return &causeError{ErrTransient, preflightError("target %s is a replica that has lost its master: give the address of a master", o.Addr)}
	case strings.Contains(reply, "max number of clients"):
		return &causeError{ErrTransient, fmt.Errorf("target %s has no connection free: raise maxclients or use fewer workers", o.Addr)}
	}
	return preflightError("target %s refuses %s: %s", o.Addr, command, reply)
}

func (o *Options) connectError(err error) error {
	return &connectError{addr: o.Addr, err: lost(err)}
}

type connectError struct {
	addr string
	err  error
}

func (e *connectError) Error() string { return "connect to target " + e.addr + ": " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// errorReply tells an error that the server answered from one of the connection.
func errorReply(err error) (reply string, ok bool) {
	var re redis.Error
	if err == nil || !errors.As(err, &re) {
		return "", false
	}
	if errors.Is(err, redis.Nil) {
		return "(nil)", true
	}
	return re.Error(), true
}
