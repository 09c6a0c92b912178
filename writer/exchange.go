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
	if c.in == nil {
		c.in = bufio.NewReaderSize(c.net, bufferSize)
	}
	c.out = c.out[:0]
	for i := range commands {
		c.out = w.appendTo(c.out, commands[i].request)
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
	for i := range commands {
		if err := readReply(c.in, &commands[i].reply); err != nil {
			return i, err
		}
	}
	if n := c.in.Buffered(); n > 0 {
		return len(commands), fmt.Errorf("%w: %d bytes came that answer nothing", errReply, n)
	}
	return len(commands), nil
}

// write sends commands of a wire and reads the replies to them. An error reply is not its error. With one, failed is
// the command at which it happened.
func (r *route) write(ctx context.Context, w *wire, commands []command) (failed int, err error) {
	if r.cluster != nil {
		return r.writeCluster(ctx, w, commands)
	}
	// A context that ends stops the load between two pipelines: this one's outcome is waited for.
	n, err := r.conn.exchange(w, commands)
	return min(n, len(commands)-1), err
}

// writeCluster makes commands of the client library of the requests: each may have to be sent more than once, to
// different nodes.
func (r *route) writeCluster(ctx context.Context, w *wire, commands []command) (failed int, err error) {
	cmds := make([]redis.Cmder, len(commands))
	for i := range commands {
		args := []any{commands[i].name}
		for _, a := range w.arguments(commands[i].request)[1:] {
			args = append(args, a)
		}
		cmds[i] = redis.NewCmd(ctx, args...)
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
