// Package admin asks a target how it is, and changes its settings for a load.
//
// Begin with New, for the settings of one server, or with NewObserver, for how the storage of a
// Kvrocks bears the load. The package never touches a key.
package admin

import (
	"context"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// An Admin reads and changes settings of a server, with the connection's own credentials: on a
// Kvrocks they must be the requirepass. What it changes lasts until the server is restarted, or
// until something has the server write its configuration file (SERVERS.md K18).
type Admin struct{ conn *conn.Conn }

// New opens a connection to one of the servers of a target.
func New(ctx context.Context, t *target.Target, addr string) (*Admin, error) {
	c, err := t.Options().At(addr).Dial(ctx, target.Keyspace{})
	if err != nil {
		return nil, err
	}
	return &Admin{c}, nil
}

// Close closes the connection.
func (a *Admin) Close() { a.conn.Close() }

// Addr returns the host and port of the server.
func (a *Admin) Addr() string { return a.conn.Addr() }

// Setting returns a setting; empty if the server has none of that name.
func (a *Admin) Setting(ctx context.Context, name string) (string, error) {
	pair, err := a.do(ctx, "CONFIG", "GET", name)
	if err != nil || len(pair.List) != 2 {
		return "", err
	}
	return pair.List[1].Text, nil
}

// Set changes a setting.
func (a *Admin) Set(ctx context.Context, name, value string) error {
	_, err := a.do(ctx, "CONFIG", "SET", name, value)
	return err
}

// Compact has the server compact all its data, and does not wait for it.
func (a *Admin) Compact(ctx context.Context) error {
	_, err := a.do(ctx, "COMPACT")
	return err
}

// A RefusedError is an error that the server answered.
type RefusedError struct{ Addr, Command, Reply string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("target %s refuses %s: %s", e.Addr, e.Command, conn.Shown(e.Reply))
}

func (a *Admin) do(ctx context.Context, name string, args ...any) (*resp.Reply, error) {
	reply, err := a.conn.Do(ctx, name, args...)
	if text, ok := conn.AsReply(err); ok {
		return nil, &RefusedError{a.Addr(), strings.TrimSpace(fmt.Sprintln(append([]any{name}, args...)...)), text}
	}
	if err != nil {
		return nil, a.conn.Refused(name, err)
	}
	return reply, nil
}
