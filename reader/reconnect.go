package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// transient reports whether an error may pass by itself: the connection could not be made or was
// lost, no reply came in time, or the source says that it cannot answer yet.
func transient(err error) bool {
	if errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.As(err, new(tls.AlertError)) {
		return false
	}
	var re *ReplyError
	var late net.Error
	return !errors.Is(err, retry.ErrGivenUp) && (errors.Is(err, errLost) || errors.As(err, &late) && late.Timeout() || errors.Is(err, errConnect) || errors.As(err, &re) && re.Transient())
}

// retryPolicy says how long to try again for.
func (o *Options) retryPolicy() retry.Policy {
	return retry.Policy{For: o.RetryFor, Say: o.Retrying, Kind: func(err error) retry.Kind {
		if transient(err) {
			return retry.Transient
		}
		return retry.Fatal
	}}
}

// retry waits and connects again after err, until the source answers or nothing was read for
// RetryFor. It returns nil when the connection is made. Everything sent is a read: asking again is
// safe.
func (c *conn) retry(ctx context.Context, err error) error {
	for ctx.Err() == nil {
		if err := c.backoff.Wait(ctx, err, c.progress); err != nil {
			return err
		}
		c.progress = false
		c.drop()
		if err = c.connect(ctx); err == nil {
			return nil
		}
		err = fmt.Errorf("connect to %s again: %w", c.d.Addr, err)
	}
	return err
}

// dial connects. While the source cannot be reached it tries again. Before the server is known only
// a transient reply is retried: an address at which nobody answers is more likely to be wrong than
// to come true.
func (d *dialer) dial(ctx context.Context, db int) (*conn, error) {
	c := &conn{d: d, db: db, backoff: d.retryPolicy().Start()}
	err := c.connect(ctx)
	if err != nil && (d.recognize != nil || errors.As(err, new(*ReplyError))) {
		err = c.retry(ctx, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", d.Addr, err)
	}
	return c, nil
}

// maxLost is how many times in a row a pass connects again at once and asks for less.
const maxLost = 8

// askLess is by how much less it then asks for.
const askLess = 8

// less returns less than n.
func less(n int) int { return max(1, n/askLess) }

// again reports whether to ask again for less after err, over a connection made anew, and counts
// those that were lost in a row; timeout is the source's. Everything sent is a read, and where a
// pass stands only we know: asking again is safe. A connection is lost because too much was asked
// for, or because the source is away: first less is asked for at once, then it is waited.
func (c *conn) again(ctx context.Context, err error, lost *int, timeout time.Duration) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, err
	case errors.Is(err, resp.ErrTooLarge): // the rest of them is still to come
		err = c.renew(ctx)
	case !transient(err):
		return false, err
	case errors.Is(err, errLost) && *lost < maxLost:
		*lost++
		err = c.renew(ctx)
	default:
		if errors.Is(err, errLost) {
			t := "unknown"
			if timeout > 0 {
				t = timeout.String()
			}
			err = fmt.Errorf("%w (however little was asked for; the source's timeout is %s: CONFIG SET timeout 0 there for the time of the dump may help)", err, t)
		}
		err = c.retry(ctx, err)
	}
	return err == nil, err
}
