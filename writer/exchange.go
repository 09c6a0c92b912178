package writer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// exchange sends requests of a wire and reads the replies to them, straight over the connection that the client library has
// made: as commands of the library they would cost as much again as all the rest. It returns how many were
// answered. No other command may be under way.
func (c *conn) exchange(w *wire, commands []command) (answered int, err error) {
	if err := c.post(w, len(commands), func(i int) request { return commands[i].request }); err != nil {
		return 0, err
	}
	for i := range commands {
		if err := readReply(c.in, &commands[i].reply); err != nil {
			return i, err
		}
	}
	return len(commands), c.quiet()
}

// ask is exchange for requests whose replies are of any shape. They are valid until the next.
func (c *conn) ask(w *wire, asks []asked) error {
	requests := func(i int) request { return asks[i].request }
	if err := c.post(w, len(asks), requests); err != nil {
		return err
	}
	r := &c.values
	r.in = c.in
	r.reset()
	for i := range asks {
		var err error
		if asks[i].reply, err = r.read(); err != nil {
			return err
		}
	}
	texts := r.texts()
	for i := range asks {
		r.settle(&asks[i].reply, texts)
	}
	return c.quiet()
}

// post sends requests.
func (c *conn) post(w *wire, n int, of func(i int) request) error {
	if c.in == nil {
		c.in = bufio.NewReaderSize(c.net, bufferSize)
	}
	c.out = c.out[:0]
	for i := range n {
		c.out = w.appendTo(c.out, of(i))
	}
	out := c.out // WriteTo moves it on
	if err := c.net.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := out.WriteTo(c.net); err != nil {
		return err
	}
	return c.net.SetDeadline(time.Now().Add(c.timeout))
}

// quiet is an error if the server has sent more than was asked for.
func (c *conn) quiet() error {
	if n := c.in.Buffered(); n > 0 {
		return fmt.Errorf("%w: %d bytes came that answer nothing", errReply, n)
	}
	return nil
}

// read sends requests of a wire that change nothing, and reads the replies to them. An error reply is not its error.
func (r *route) read(ctx context.Context, w *wire, asks []asked) error {
	if r.cluster == nil {
		return r.conn.ask(w, asks)
	}
	cmds := make([]redis.Cmder, len(asks))
	for i := range asks {
		cmds[i] = w.command(ctx, asks[i].name, asks[i].request)
	}
	if err := r.follow(ctx, cmds); err != nil {
		return err
	}
	for i, c := range cmds {
		val, err := c.(*redis.Cmd).Result()
		if text, ok := errorReply(err); ok && !errors.Is(err, redis.Nil) {
			asks[i].reply = value{kind: '-', text: text}
		} else {
			asks[i].reply = valueOf(val)
		}
	}
	return nil
}

// command makes a command of the client library of a request.
func (w *wire) command(ctx context.Context, name string, r request) *redis.Cmd {
	args := []any{name}
	for _, a := range w.arguments(r)[1:] {
		args = append(args, a)
	}
	return redis.NewCmd(ctx, args...)
}

// write sends commands of a wire and reads the replies to them. An error reply is not its error. With one, failed is
// the command at which it happened.
func (r *route) write(ctx context.Context, w *wire, commands []command) (failed int, err error) {
	if r.cluster != nil {
		return r.writeCluster(ctx, w, commands)
	}
	// A context that ends stops the load between two pipelines: this one's outcome is waited for.
	n := 0
	err = r.under(r.conn, func() (err error) {
		n, err = r.conn.exchange(w, commands)
		return err
	})
	return min(n, len(commands)-1), err
}

// writeCluster makes commands of the client library of the requests: each may have to be sent more than once, to
// different nodes.
func (r *route) writeCluster(ctx context.Context, w *wire, commands []command) (failed int, err error) {
	cmds := make([]redis.Cmder, len(commands))
	for i := range commands {
		cmds[i] = w.command(ctx, commands[i].name, commands[i].request)
	}
	if err := r.follow(ctx, cmds); err != nil {
		return failedAt(cmds, err), err
	}
	for i, c := range cmds {
		commands[i].reply = replyOf(c.(*redis.Cmd))
	}
	return 0, nil
}

// failedAt returns the command that err is about.
func failedAt(cmds []redis.Cmder, err error) int {
	var s *strayed
	strays := errors.As(err, &s)
	at := slices.IndexFunc(cmds, func(c redis.Cmder) bool {
		if strays {
			return c == s.cmd
		}
		_, ok := errorReply(c.Err())
		return c.Err() != nil && !ok
	})
	return max(at, 0)
}

// replyOf translates a reply that the library has read.
func replyOf(c *redis.Cmd) reply {
	val, err := c.Result()
	if text, ok := errorReply(err); ok {
		return reply{kind: '-', text: text}
	}
	if n, ok := val.(int64); ok {
		return reply{kind: ':', n: n}
	}
	return reply{kind: '+', text: show(val)}
}
