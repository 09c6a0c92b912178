package readback

import (
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
)

// A page is what is read of a key at once: so many elements that their bytes are about pageBytes.
// How large they are is known only when they have come. A reply of several that passes pageLimit is
// given up with its connection, and an eighth is asked for.
const (
	pageElements = 200
	pageBytes    = 1 << 20
	pageLimit    = 4 << 20
)

// page sends a command for at most n elements, never fewer than least, and returns the n and the
// reply, which is valid until the next command.
func (c *Client) page(ctx context.Context, least int, command func(n int) []any) (n int, reply *resp.Reply, err error) {
	defer func() { c.limit = 0 }()
	for {
		if n = max(least, c.elements); c.elements == 0 {
			n = pageElements
		}
		if c.limit = pageLimit; n == least {
			c.limit = 0
		}
		args := command(n)
		reply, err = c.one(ctx, args[0].(string), args[1:]...)
		if errors.Is(err, resp.ErrLarger) && n > least {
			c.elements = max(1, n/8)
			continue
		}
		if err != nil {
			return n, nil, err
		}
		if reply.Kind != '*' {
			return n, nil, resp.ErrUnexpected
		}
		switch size := reply.Size(); {
		case size > pageBytes:
			c.elements = max(1, n/2)
		case size < pageBytes/4:
			c.elements = min(pageElements, 2*n)
		}
		return n, reply, nil
	}
}

// one sends a command as often as it takes. The reply is valid until the next command.
func (c *Client) one(ctx context.Context, name string, args ...any) (*resp.Reply, error) {
	if err := c.all(ctx, func() { c.request(name, args...) }); err != nil {
		return nil, err
	}
	return &c.calls[0].Reply, nil
}
