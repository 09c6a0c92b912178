// Package readback reads what a target holds, and deletes keys from it.
//
// Begin with New, which gives a Client for the keyspace of one source database: Client.Ask answers
// questions about keys that are known, Client.Info and Client.Read show what others have. The
// package never sends a command that does harm when it is sent twice, and never writes a value.
package readback

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Client reads and deletes keys, over one connection, or in a cluster over one to each node. It
// connects when it is first used, and again when a connection is lost, as long as its RetryFunc
// says so. A context that ends cuts it. It is for one goroutine.
type Client struct {
	target   *target.Target
	db       int
	retry    RetryFunc
	router   *conn.Router // nil: none is open
	progress bool         // something was answered since retry was asked

	guard   bool // keys that are asked for are to be watched
	watches bool // and the server does
	lost    bool // a connection was, and with it what it watched

	tried bool // whether the target takes lines
	lines bool // it does

	encoder  resp.Encoder
	calls    []call
	name     string // of the command that is being built
	limit    int64  // bytes of the next replies; 0: far above what is asked for
	singly   bool   // values of strings are asked for one by one
	elements int    // of the next page; 0: as many as it may have
	through  int    // bytes of keys that were gone through since touch has had a block kept
}

// A RetryFunc is asked after an error that may pass by itself (writer.ErrTransient) whether to try
// again: it waits and returns nil, or returns the error with which to end. Progress: something was
// answered since it was asked before.
type RetryFunc func(ctx context.Context, err error, progress bool) error

// A call is a command of a pipeline, and what is done with its reply.
type call struct {
	conn.Call
	question int // that it is about, the first of them; -1: none
	together int // how many questions an MGET is about; 0: it is none
	decode   func(q *question.Question, reply *resp.Reply) error
}

// New returns a Client for the keyspace of a source database. Nil retries nothing.
func New(t *target.Target, db int, retry RetryFunc) *Client {
	return &Client{target: t, db: db, retry: retry}
}

// Close closes the connections.
func (c *Client) Close() error {
	if c.router != nil {
		c.router.Close()
		c.router = nil
	}
	return nil
}

// lose closes connections that are lost, or have replies under way.
func (c *Client) lose() {
	_ = c.Close()
	c.lost = true
}

// repeat connects and does something, as often as it takes.
func (c *Client) repeat(ctx context.Context, do func() error) error {
	for {
		err := c.once(ctx, do)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			c.progress = true
			return nil
		}
		if c.retry == nil || !errors.Is(err, conn.ErrTransient) {
			return err
		}
		c.lose()
		if err := c.retry(ctx, err, c.progress); err != nil {
			return err
		}
		c.progress = false
	}
}

// once connects, if no connection is open, and does something.
func (c *Client) once(ctx context.Context, do func() error) (err error) {
	isNew := c.router == nil
	if isNew {
		if err = c.connect(ctx); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, c.router.Abort)()
	if isNew && c.guard && c.target.Watches() {
		if c.watches, err = c.canWatch(ctx); err != nil {
			return err
		}
	}
	return do()
}

// connect connects, and finds out whether a Kvrocks takes requests of one line (SERVERS.md K13).
// What stands before it may not, and close the connection.
func (c *Client) connect(ctx context.Context) (err error) {
	if c.router, err = c.target.Router(ctx, c.db, false); err != nil || c.tried || !c.target.IsKvrocks() || c.target.IsCluster() {
		return err
	}
	defer context.AfterFunc(ctx, c.router.Abort)()
	c.tried = true
	c.reset()
	c.encoder.BeginLine("PING")
	c.name = "PING"
	c.end(-1, nil)
	if c.exec(ctx) != nil {
		c.target.Unused()
		c.router, err = c.target.Router(ctx, c.db, false)
		return err
	}
	c.lines = c.calls[0].Reply.Is("PONG")
	return nil
}

// beginPlain is begin for a command whose other arguments are words and numbers.
func (c *Client) beginPlain(name string, keys ...[]byte) {
	size := 0
	for _, k := range keys {
		size += 1 + len(k)
	}
	if !c.lines || size > resp.LineBytes/2 || slices.ContainsFunc(keys, func(k []byte) bool { return !resp.IsPlain(k) }) {
		c.begin(name, keys...)
		return
	}
	c.name = name
	c.encoder.BeginLine(name)
	for _, k := range keys {
		c.encoder.Bytes(k)
	}
}

func (c *Client) begin(name string, keys ...[]byte) {
	c.name = name
	c.encoder.Begin(name)
	for _, k := range keys {
		c.encoder.Bytes(k)
	}
}

// end completes the command that begin started, for question i; -1 for none.
func (c *Client) end(i int, decode func(*question.Question, *resp.Reply) error) {
	c.calls = append(c.calls, call{Call: conn.Call{Name: c.name, Request: c.encoder.End()}, question: i, decode: decode})
}

// add adds a command of strings, bytes and integers for question i; -1 for none.
func (c *Client) add(i int, decode func(*question.Question, *resp.Reply) error, name string, args ...any) {
	c.begin(name)
	for _, arg := range args {
		c.encoder.Any(arg)
	}
	c.end(i, decode)
}

// reset forgets the pipeline before. Nothing of its replies is held on to.
func (c *Client) reset() {
	clear(c.calls)
	c.calls = c.calls[:0]
	c.encoder.Reset()
}

// exec sends what has been added. An error reply is not its error.
func (c *Client) exec(ctx context.Context) error {
	if len(c.calls) == 0 {
		return nil
	}
	c.router.Limit = c.limit
	if _, err := c.router.Exchange(ctx, &c.encoder, len(c.calls), func(i int) *conn.Call { return &c.calls[i].Call }); err != nil {
		c.lose()
		return c.failure(c.calls[0].Name, "", conn.Lost(err))
	}
	return nil
}

// all sends what build adds, as often as it takes. An error reply is an error.
func (c *Client) all(ctx context.Context, build func()) error {
	return c.repeat(ctx, func() error {
		c.reset()
		build()
		if err := c.exec(ctx); err != nil {
			return err
		}
		for i := range c.calls {
			if a := &c.calls[i]; a.Reply.IsError() {
				return c.refused(a.Name, a.Reply.Text)
			}
		}
		return nil
	})
}

// An Error is why reading back stopped.
type Error = conn.CommandError

func (c *Client) failure(command, reply string, err error) *Error {
	e := &Error{Doing: "read back", DB: c.db, Command: command, Reply: reply, Err: err}
	switch command {
	case "DEL", "EXEC", "FLUSHDB":
		e.Doing = "delete from"
	}
	return e
}

// refused is the error for an error reply, or one that is not expected.
func (c *Client) refused(command, reply string) error {
	return c.failure(command, reply, cmp.Or(conn.Fatal(reply), resp.ErrUnexpected))
}

// errLostCursor: names come again.
var errLostCursor = errors.New("its cursor was lost, to many others' scans: names come again from the first; run this again")

// Scan hands over the names of all keys, in pages, some maybe twice. It is not retried. Cursors
// live in a ring that all clients share, and one that is lost begins anew: a Kvrocks lists in byte
// order, by which that is noticed, but not in a cluster (SERVERS.md K13). Nothing is filtered by
// the server: a MATCH or TYPE would keep a Kvrocks busy until it has found COUNT keys (K13).
func (c *Client) Scan(ctx context.Context, each func(names []string) error) error {
	err := c.once(ctx, func() error {
		return c.router.Each(ctx, func(server *conn.Conn) error { return c.scan(ctx, server, each) })
	})
	if err != nil {
		c.lose()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Client) scan(ctx context.Context, server *conn.Conn, each func(names []string) error) error {
	ordered, some, last := c.target.IsKvrocks() && !c.target.IsCluster(), false, ""
	return server.Scan(ctx, conn.ScanStep, func(names []string) error {
		for _, name := range names {
			if ordered && some && name <= last {
				return c.failure("SCAN", "", errLostCursor)
			}
			some, last = true, name
		}
		return each(names)
	})
}
