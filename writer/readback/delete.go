package readback

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
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
					return &Error{DB: c.db, Command: "FLUSHDB", Err: conn.Lost(err)}
				}
				return nil
			})
		})
	})
}
