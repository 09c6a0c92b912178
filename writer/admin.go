package writer

import (
	"context"
	"fmt"
	"slices"
)

// An Admin reads and changes settings of the target, with the connection's own credentials: on a Kvrocks they must be
// the requirepass. What it changes lasts until the server is restarted, or until something has the
// server write its configuration file (SERVERS.md K18).
type Admin struct {
	options *Options
	conn    *conn
}

// Servers returns the addresses of all servers that are loaded: one, or the masters of a cluster.
func (l *Loader) Servers() []string {
	if l.cluster != nil {
		return slices.Clone(l.cluster.topology().masters)
	}
	return []string{l.options.Addr}
}

// NewAdmin opens a connection to one of Servers.
func (l *Loader) NewAdmin(ctx context.Context, addr string) (*Admin, error) {
	o := l.options.at(addr)
	c, err := o.dial(ctx, Keyspace{})
	if err != nil {
		return nil, err
	}
	return &Admin{o, c}, nil
}

// Close closes the connection.
func (a *Admin) Close() error { return a.conn.Close() }

// Addr returns the host and port of the server.
func (a *Admin) Addr() string { return a.options.Addr }

// Setting returns a setting; empty if the server has none of that name.
func (a *Admin) Setting(ctx context.Context, name string) (string, error) {
	defer context.AfterFunc(ctx, a.conn.abort)()
	pair, err := a.conn.Do(ctx, "CONFIG", "GET", name).StringSlice()
	if err != nil {
		return "", a.refused("CONFIG GET "+name, err)
	}
	if len(pair) != 2 {
		return "", nil
	}
	return pair[1], nil
}

// Set changes a setting.
func (a *Admin) Set(ctx context.Context, name, value string) error {
	defer context.AfterFunc(ctx, a.conn.abort)()
	return a.refused("CONFIG SET "+name+" "+value, a.conn.Do(ctx, "CONFIG", "SET", name, value).Err())
}

// Compact has the target compact all its data, and does not wait for it.
func (a *Admin) Compact(ctx context.Context) error {
	defer context.AfterFunc(ctx, a.conn.abort)()
	return a.refused("COMPACT", a.conn.Do(ctx, "COMPACT").Err())
}

// A RefusedError is an error that the target answered.
type RefusedError struct{ Addr, Command, Reply string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("target %s refuses %s: %s", e.Addr, e.Command, shown(e.Reply))
}

func (a *Admin) refused(command string, err error) error {
	if reply, ok := errorReply(err); ok {
		return &RefusedError{a.Addr(), command, reply}
	}
	if err != nil {
		return a.options.connectError(err)
	}
	return nil
}
