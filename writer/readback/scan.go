package readback

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

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
