package readback

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Delete deletes keys.
func (c *Client) Delete(ctx context.Context, keys [][]byte) error {
	err := c.all(ctx, func() {
		c.router.Changes(true)
		for _, k := range keys {
			c.add(-1, nil, "DEL", k)
		}
	})
	if c.router != nil {
		c.router.Changes(false)
	}
	return err
}

// Clear deletes everything in the keyspace.
func (c *Client) Clear(ctx context.Context) error {
	return c.repeat(ctx, func() error {
		c.router.Changes(true)
		return c.router.Each(ctx, func(server *conn.Conn) error {
			return c.router.Under(server, func() error {
				_, err := server.Do(ctx, "FLUSHDB")
				if reply, ok := conn.AsReply(err); ok {
					return c.refused("FLUSHDB", reply)
				}
				if err != nil {
					return c.failure("FLUSHDB", "", conn.Lost(err))
				}
				return nil
			})
		})
	})
}

// Guard makes Ask watch every key from its first question on, so that DeleteWatched deletes none
// that was written to since, where the target can: clusters and older Kvrocks cannot (SERVERS.md
// K22), nor can a user who may not. It is called before the Client is used.
func (c *Client) Guard() { c.guard = true }

// Watches reports whether the target watches the keys that were asked for.
func (c *Client) Watches() bool { return c.watches }

// canWatch reports whether the target lets keys be watched.
func (c *Client) canWatch(ctx context.Context) (bool, error) {
	c.reset()
	for _, name := range []string{"UNWATCH", "MULTI", "DISCARD"} {
		c.add(-1, nil, name)
	}
	if err := c.exec(ctx); err != nil {
		return false, err
	}
	for i := range c.calls {
		if c.calls[i].Reply.Text != "OK" {
			return false, nil
		}
	}
	return true, nil
}

// watch adds what watches the keys that begin with these questions. Those before are not watched
// any more, unless one of them goes on.
func (c *Client) watch(qs []*question.Question) {
	if len(qs) > 0 && qs[0].Head {
		c.add(-1, decodeOK, "UNWATCH")
	}
	var keys [][]byte
	for _, q := range qs {
		if q.Head {
			keys = append(keys, q.Key)
		}
	}
	if len(keys) > 0 {
		c.begin("WATCH", keys...)
		c.end(-1, decodeOK)
	}
}

func decodeOK(_ *question.Question, reply *resp.Reply) error {
	if reply.Kind != '+' || reply.Text != "OK" {
		return resp.ErrUnexpected
	}
	return nil
}

// DeleteWatched deletes keys that were asked for since it was called last. It deletes none, and is
// not done, if one of all those was written to since, or that cannot be known.
func (c *Client) DeleteWatched(ctx context.Context, keys [][]byte) (done bool, err error) {
	if c.lost || c.router == nil {
		c.lost = false
		return false, nil
	}
	err = c.repeat(ctx, func() (err error) {
		if !c.lost { // else it is not known what it did
			done, err = c.deleteWatched(ctx, keys)
		}
		return err
	})
	c.lost = false
	return done, err
}

func (c *Client) deleteWatched(ctx context.Context, keys [][]byte) (done bool, err error) {
	c.reset()
	c.add(-1, nil, "MULTI")
	c.begin("DEL", keys...)
	c.end(-1, nil)
	c.add(-1, nil, "EXEC")
	if err := c.exec(ctx); err != nil {
		return false, err
	}
	for i := range c.calls {
		reply := &c.calls[i].Reply
		switch {
		case i == 0 && reply.Text == "OK", i == 1 && reply.Text == "QUEUED":
			continue
		case i == 2 && reply.Kind == 0:
			return false, nil
		case i == 2 && len(reply.List) == 1 && reply.List[0].Kind == ':':
			return true, nil
		case i == 2 && len(reply.List) == 1:
			reply = &reply.List[0]
		}
		return false, c.refused(c.calls[i].Name, reply.String())
	}
	return false, nil
}
