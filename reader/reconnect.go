package reader

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Waits between two attempts grow from the first to the last.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// errGivenUp: it was tried again for long enough.
var errGivenUp = errors.New("given up")

// A backoff decides whether what failed is tried again, and when.
type backoff struct {
	since time.Time // of the first failure since something was read; zero: there was none
	wait  time.Duration
}

// after returns how long to wait after a failure, and whether to try again at all.
func (b *backoff) after(limit time.Duration) (time.Duration, bool) {
	if b.since.IsZero() {
		*b = backoff{time.Now(), firstWait}
	}
	if time.Since(b.since) >= limit {
		return 0, false
	}
	wait := b.wait
	b.wait = min(2*wait, lastWait)
	return wait, true
}

// transient reports whether an error may pass by itself: the connection could not be made or was
// lost, no reply came in time, or the source says that it cannot answer yet.
func transient(err error) bool {
	if errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(tls.RecordHeaderError)) || errors.As(err, new(tls.AlertError)) {
		return false
	}
	var re *ReplyError
	var late net.Error
	return !errors.Is(err, errGivenUp) && (errors.Is(err, errLost) || errors.As(err, &late) && late.Timeout() || errors.Is(err, errConnect) || errors.As(err, &re) && re.Transient())
}

// retry waits and connects again after err, until the source answers or nothing was read for
// RetryFor. It returns nil when the connection is made. Everything sent is a read: asking again is
// safe.
func (c *conn) retry(ctx context.Context, err error) error {
	for transient(err) && ctx.Err() == nil {
		wait, ok := c.backoff.after(c.d.RetryFor)
		switch {
		case !ok && c.d.RetryFor > 0:
			return fmt.Errorf("%w after nothing was read for %v (--retry-for): %w", errGivenUp, c.d.RetryFor, err)
		case !ok:
			return err
		case c.d.Retrying != nil:
			c.d.Retrying(err, wait)
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		c.drop()
		if err = c.connect(ctx); err == nil {
			return nil
		}
		err = fmt.Errorf("connect to %s again: %w", c.d.Addr, err)
	}
	return err
}

// pause lets time pass.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
