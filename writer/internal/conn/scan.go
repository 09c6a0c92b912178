package conn

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
)

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
