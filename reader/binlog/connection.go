package binlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// signOfLife is how long a replica may say nothing. The master forgets it after 20 s (SERVERS.md
// P18), and hears nothing of one that reads a long message.
const signOfLife = 5 * time.Second

// A connection bounds how long each read and write takes, by time and by a context.
type connection struct {
	net.Conn
	timeout time.Duration
	ctx     context.Context // of the call that reads
	quiet   time.Duration   // after which alive is called while something arrives
	alive   func() error    // nil: not yet
	spoke   time.Time       // when something was sent
}

// Read gives up when the context ends, or when nothing comes in time.
func (c *connection) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, c.failed(err)
	}
	stop := context.AfterFunc(c.ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	n, err := c.Conn.Read(b)
	stop()
	if err == nil && c.alive != nil && time.Since(c.spoke) >= c.quiet {
		err = c.alive()
	}
	return n, c.failed(err)
}

func (c *connection) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, c.failed(err)
	}
	n, err := c.Conn.Write(b)
	c.spoke = time.Now()
	return n, c.failed(err)
}

// failed says that the connection is what failed, unless the context ended.
func (c *connection) failed(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrUnavailable):
		return err
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Errorf("%w: no sign of life in %v", ErrUnavailable, c.timeout)
	}
	return fmt.Errorf("%w: connection lost: %w", ErrUnavailable, &lostError{err})
}

// A lostError says how a connection was cut.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }
