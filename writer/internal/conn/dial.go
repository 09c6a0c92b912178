package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// dialTimeout bounds the making of a connection.
const dialTimeout = 10 * time.Second

// Dial connects to the server, in a keyspace.
func (o *Options) Dial(ctx context.Context, k Keyspace) (*Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	dial := dialer.DialContext
	if o.TLS != nil {
		dial = (&tls.Dialer{NetDialer: dialer, Config: o.TLS}).DialContext
	}
	nc, err := dial(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, connectFailed(o.Addr, err)
	}
	c := &Conn{addr: o.Addr, net: nc, timeout: o.ReadTimeout, replies: resp.NewReader(nc)}
	if err := o.enter(ctx, c, k); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// enter authenticates and selects. AUTH goes by itself and not inside a HELLO, which brings some
// servers out of step (SERVERS.md K2).
func (o *Options) enter(ctx context.Context, c *Conn, k Keyspace) error {
	var err error
	switch {
	case k.Token != "":
		_, err = c.Do(ctx, "AUTH", k.Token)
	case o.Username != "":
		_, err = c.Do(ctx, "AUTH", o.Username, o.Password)
	case o.Password != "":
		_, err = c.Do(ctx, "AUTH", o.Password)
	}
	if reply, ok := AsReply(err); ok {
		return o.refusedAuth(reply, k)
	}
	if err != nil {
		return connectFailed(o.Addr, err)
	}
	if k.DB == 0 {
		return nil
	}
	if _, err := c.Do(ctx, "SELECT", k.DB); err != nil {
		return c.Refused("SELECT", err)
	}
	return checkSelect(ctx, c, k.DB)
}

// refusedAuth never repeats reply: a server that does not know AUTH shows its arguments.
func (o *Options) refusedAuth(reply string, k Keyspace) error {
	what, out := "password", ": leave the password out"
	if k.Token != "" {
		what, out = "namespace token", " (requirepass), and so no namespace token"
	}
	lower := strings.ToLower(reply)
	if advice := Fatal(reply); errors.Is(advice, ErrTransient) {
		return Mark(ErrTransient, fmt.Errorf("target %s refuses AUTH: %w", o.Addr, advice))
	}
	named := o.Username != "" && k.Token == ""
	switch {
	case strings.Contains(lower, "no password is set"), strings.Contains(lower, "without any password configured"):
		return Authf("target %s has no password%s", o.Addr, out)
	case strings.HasPrefix(reply, "WRONGPASS"), strings.Contains(lower, "invalid password"), strings.Contains(lower, "invaild password"):
		if named {
			return Authf("target %s refuses the user name or the password", o.Addr)
		}
		return Authf("target %s refuses the %s: it is wrong", o.Addr, what)
	case named && strings.Contains(lower, "wrong number of arguments"):
		return Authf("target %s knows no user names (Kvrocks has none): give only a password", o.Addr)
	}
	return Authf("target %s refuses AUTH", o.Addr)
}

// checkSelect makes sure that SELECT did something: most versions of Kvrocks answer
// OK to any number and stay where they are (SERVERS.md K3).
func checkSelect(ctx context.Context, c *Conn, db int) error {
	info, err := c.Text(ctx, "CLIENT", "INFO")
	if _, ok := AsReply(err); err != nil && !ok {
		return connectFailed(c.addr, err)
	}
	if err == nil && ClientField(info, "db") == strconv.Itoa(db) {
		return nil
	}
	return Preflightf("SELECT %d on target %s answers OK and changes nothing, so the databases would be mixed: "+
		"leave the number out of --uri, or give each its own namespace with --map-db", db, c.addr)
}
