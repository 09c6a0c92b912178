package writer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// check holds the reply of c against what it must be. It returns what is to be sent
// on account of it.
func (w *Worker) check(ctx context.Context, c *command) ([]command, error) {
	w.account.stats.Commands++
	if c.raw != nil {
		return nil, w.applied(c)
	}
	if c.Reply.IsError() || c.Reply.Kind == 0 {
		return w.refused(c, c.Reply.String())
	}
	if c.group != nil {
		if !c.Reply.Is("OK") {
			return nil, w.stop(c, c.Reply.String(), resp.ErrUnexpected)
		}
		for _, k := range c.group {
			k.written++
			w.answered(k, true)
		}
		w.account.took(nil, int64(c.elements), int64(c.bytes))
		return nil, nil
	}
	k := c.key
	if n, _ := c.Reply.Integer(); c.drop && n > 0 && w.options.OnExists == Replace {
		w.account.stats.Dropped++
	}
	if k.out != alive {
		// Sent before the reply that ended the key was read.
		w.answered(k, c.data)
		return nil, nil
	}
	if problem := c.problem(); problem != nil {
		if !w.queue.hasPassed(ctx, k.expire) {
			return nil, w.stop(c, c.Reply.String(), k.perhapsUnequal(problem))
		}
		// The key was over before it was complete, and a command behind that may
		// have made it anew without an expiry.
		w.account.expire(k)
		w.answered(k, c.data)
		return []command{w.bury(k)}, nil
	}
	if c.data {
		k.written++
		w.account.took(k, int64(c.elements), int64(c.bytes))
	}
	w.answered(k, c.data)
	return nil, nil
}

// problem says what is wrong with a reply.
func (c *command) problem() error {
	n, isInteger := c.Reply.Integer()
	switch c.want {
	case wantOK:
		if !c.Reply.Is("OK") {
			return resp.ErrUnexpected
		}
	case wantID:
		if !c.Reply.Is(c.id.String()) {
			return fmt.Errorf("expected %s: does something else write to this key?", c.id)
		}
	case wantCount:
		if isInteger && c.key.resumed && !c.key.ordered() && n >= 0 && n <= c.n {
			return nil // some of them were there already: confirmLength counts
		}
		if !isInteger || n != c.n {
			return fmt.Errorf("expected %d, as of a fresh key: does something else write to it, or had the target this key before?", c.n)
		}
	case wantExpiry:
		want := int64(1)
		if c.key.written == 0 {
			want = 0 // every member so far was refused: there is no key
		}
		if !isInteger || n != want {
			return fmt.Errorf("expected %d: the key is gone, or the server could not write its expiry (look into its log)", want)
		}
	case wantAny:
		if !isInteger {
			return resp.ErrUnexpected
		}
	}
	return nil
}

// bury returns the command that makes sure that k is expired.
func (w *Worker) bury(k *key) command {
	k.pending++
	return w.queue.batch.whole(command{key: k, want: wantAny, always: true}, "PEXPIREAT", k.name, k.expire)
}

// refused treats an error reply: it stops the load, or concerns one key or member.
func (w *Worker) refused(c *command, reply string) ([]command, error) {
	if advice := conn.Fatal(reply); advice != nil {
		return nil, w.stop(c, reply, advice)
	}
	if c.group != nil {
		// Which of the keys it concerns is not said. Nothing has been written.
		return w.queue.batch.singles(c), nil
	}
	k := c.key
	switch {
	case k.out != alive:
	case c.want == wantID && strings.Contains(reply, "equal or smaller"):
		problem := errors.New("the stream has other entries than were written: does something else write to it?")
		return nil, w.stop(c, reply, k.perhapsUnequal(problem))
	case c.member != nil && strings.Contains(reply, "not a valid float"):
		w.account.leaveMember(k, c.member, c.Name, reply)
	default:
		w.account.leave(k, ReasonRefused, c.Name, reply)
	}
	w.answered(k, c.data)
	return nil, nil
}

// stop is the error that ends a load at c.
func (w *Worker) stop(c *command, reply string, err error) error {
	k := c.key
	switch {
	case len(c.group) > 0:
		k = c.group[0]
	case len(c.raw) > 0:
		k = c.raw[0].key
	}
	return stopped(w.db, c.Name, k, reply, err)
}
