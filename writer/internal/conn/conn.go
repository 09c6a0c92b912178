// Package conn reaches the servers of a target: it dials, authenticates and exchanges pipelines
// with a server that stands alone, or with the nodes of a cluster.
//
// Begin with Options.Dial for one connection, or with NewRouter for what goes to the server that
// holds a key. The package never sends a command twice that a server may have run, and never
// shows a password or a token.
package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Conn is one connection, authenticated and in its keyspace. It is never
// re-established: what was in flight on a lost one is unknown.
type Conn struct {
	addr    string
	net     net.Conn
	timeout time.Duration // of the writing, and of the reading, of a pipeline
	replies *resp.Reader
	encoder resp.Encoder // of Do
	out     net.Buffers

	lose    func(*Conn) // is told of a Conn that is closed under what may not be run late; nil: nobody is
	name    string      // by which the server lists it; empty: it refused that
	pending bool        // what changes keys is under way

	run       func(addr string) (told func(state string) error) // of Fence, where the server numbers its writes
	process   string                                            // the run id of the server; empty: it has none
	clustered bool
}

// A Call is a command that goes to a server, and its reply: valid until the next exchange.
type Call struct {
	Name    string
	Request resp.Request
	Reply   resp.Reply
}

// Addr returns the address of the server.
func (c *Conn) Addr() string { return c.addr }

// Abort closes the connection under a command that waits. It may be called from anywhere.
func (c *Conn) Abort() { _ = c.net.Close() }

// Close closes the connection.
func (c *Conn) Close() {
	if c.pending && c.lose != nil {
		c.lose(c)
		c.pending = false
	}
	_ = c.net.Close()
}

// Do sends one command. An error reply is a ReplyError.
func (c *Conn) Do(ctx context.Context, name string, args ...any) (*resp.Reply, error) {
	replies, err := c.Pipeline(ctx, append([]any{name}, args...))
	if err != nil {
		return nil, err
	}
	if r := &replies[0]; !r.IsError() {
		return r, nil
	}
	return nil, ReplyError(replies[0].Text)
}

// Text sends a command that answers a text or a number. A nil is a ReplyError.
func (c *Conn) Text(ctx context.Context, name string, args ...any) (string, error) {
	r, err := c.Do(ctx, name, args...)
	if err == nil && r.Kind == 0 {
		err = ReplyError(r.String())
	}
	if err != nil {
		return "", err
	}
	return r.String(), nil
}

// Pipeline sends commands at once. Error replies are in the list. A context that ends cuts it.
func (c *Conn) Pipeline(ctx context.Context, commands ...[]any) ([]resp.Reply, error) {
	defer context.AfterFunc(ctx, c.Abort)()
	c.encoder.Reset()
	calls := make([]Call, len(commands))
	for i, args := range commands {
		calls[i].Request = c.encoder.Request(args[0].(string), args[1:]...)
	}
	c.replies.Reset()
	if _, err := c.exchange(&c.encoder, len(calls), func(i int) *Call { return &calls[i] }); err != nil {
		c.Abort() // what comes over it next may answer something else
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	replies := make([]resp.Reply, len(calls))
	for i := range calls {
		replies[i] = calls[i].Reply
	}
	return replies, nil
}

// Refused is the error for what Do returned: an error reply to one of the first commands, or an
// error of the connection.
func (c *Conn) Refused(command string, err error) error {
	if reply, ok := AsReply(err); ok {
		return RefusedAtStart(c.addr, command, reply)
	}
	return connectFailed(c.addr, err)
}

// Info returns the fields of a section: Kvrocks before 2.12 takes no two at a time.
func (c *Conn) Info(ctx context.Context, section string) (map[string]string, error) {
	text, err := c.Text(ctx, "INFO", section)
	if err != nil {
		return nil, c.Refused("INFO", err)
	}
	return resp.Fields(text), nil
}

// ClientField returns a field of a reply to CLIENT INFO: "id=1 addr=… db=0 …".
func ClientField(info, name string) string {
	for field := range strings.FieldsSeq(info) {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			return value
		}
	}
	return ""
}

// exchange sends calls and reads the replies to them. It returns how many were answered. The
// replies before it stay valid unless c.replies was reset.
func (c *Conn) exchange(e *resp.Encoder, n int, call func(i int) *Call) (answered int, err error) {
	c.out = c.out[:0]
	for i := range n {
		c.out = e.AppendTo(c.out, call(i).Request)
	}
	out := c.out // WriteTo moves it on
	if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	if _, err := out.WriteTo(c.net); err != nil {
		return 0, err
	}
	if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	answered, err = c.replies.Read(n, func(i int) *resp.Reply { return &call(i).Reply })
	if more := c.replies.Buffered(); err == nil && more > 0 {
		err = fmt.Errorf("%w: %d bytes came that answer nothing", resp.ErrReply, more)
	}
	return answered, err
}

// ScanStep is how many names are asked for at a time.
const ScanStep = 1000

// Scan hands over the names of all keys of the server, step at a time, some maybe twice. A cursor
// is text: a number, or on a Kvrocks that is set so `_` and a key (SERVERS.md K10).
func (c *Conn) Scan(ctx context.Context, step int, each func(names []string) error) error {
	for cursor := "0"; ; {
		page, err := c.Do(ctx, "SCAN", cursor, "COUNT", step)
		if err != nil {
			return c.Refused("SCAN", err)
		}
		if len(page.List) != 2 || !page.List[0].IsText() || page.List[1].Kind != '*' {
			return Preflightf("target %s answers SCAN with %v", c.addr, resp.ErrUnexpected)
		}
		names := make([]string, len(page.List[1].List))
		for i := range names {
			names[i] = page.List[1].List[i].Text // nil is how some write the empty key
		}
		cursor = page.List[0].Text
		if err := each(names); err != nil || cursor == "0" {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// IsTimeout reports whether err is of a server that did not answer in time.
func IsTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// TryArgument reports whether the server takes an argument of n bytes, here the name of a key that
// it is asked for. An error is of the connection: often the reply is lost with it.
func (c *Conn) TryArgument(ctx context.Context, n int) (bool, error) {
	defer context.AfterFunc(ctx, c.Abort)()
	zeros := make([]byte, 64<<10)
	head := fmt.Appendf(nil, "*2\r\n$6\r\nEXISTS\r\n$%d\r\n", n)
	write := func(b []byte) error {
		if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
			return err
		}
		_, err := c.net.Write(b)
		return err
	}
	err := write(head)
	for left := n; left > 0 && err == nil; left -= len(zeros) {
		err = write(zeros[:min(left, len(zeros))])
	}
	if err == nil {
		err = write([]byte("\r\n"))
	}
	// What it said before it closed the connection may be there still.
	var reply resp.Reply
	c.replies.Reset()
	if _, rerr := c.replies.Read(1, func(int) *resp.Reply { return &reply }); rerr != nil {
		return false, errors.Join(err, rerr)
	}
	return !strings.Contains(reply.Text, "Protocol error"), nil
}
