package target

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// A limit is how many bytes one argument may have: what is longer makes the target close the
// connection, and what was sent in the same breath is lost with it (SERVERS.md K4). What cannot be
// sent is not there, either. A server that does not tell its proto-max-bulk-len is asked with an
// argument of the length in question, over a connection of its own.
type limit struct {
	taken   atomic.Int64 // so many are known to be taken
	refused atomic.Int64 // so many, and more, are not
	asking  sync.Mutex
}

// LeastLimit is the smallest proto-max-bulk-len that can be set.
const LeastLimit = 1 << 20

// newLimit starts from what the target says.
func newLimit(t *Info) *limit {
	l := &limit{}
	l.taken.Store(t.MaxBulk)
	if l.refused.Store(t.MaxBulk + 1); !t.tellsBulk {
		l.taken.Store(LeastLimit)
	}
	return l
}

// Takes reports whether the target is known to take an argument of n bytes.
func (t *Target) Takes(n int) bool { return int64(n) <= t.limit.taken.Load() }

// LimitText says why an argument of n bytes is not sent.
func (t *Target) LimitText(what string, n int) string {
	taken, refused := t.limit.taken.Load(), t.limit.refused.Load()
	if refused == taken+1 {
		return fmt.Sprintf("%s of %d bytes: the target takes at most %d (proto-max-bulk-len)", what, n, taken)
	}
	return fmt.Sprintf("%s of %d bytes: the target closes the connection at %d (proto-max-bulk-len, which it does not tell)", what, n, refused)
}

// Learn finds out whether the target takes arguments of these lengths.
func (t *Target) Learn(ctx context.Context, args ...[]byte) error {
	for _, a := range args {
		if t.Takes(len(a)) {
			continue
		}
		if err := t.askLimit(ctx, int64(len(a))); err != nil {
			return err
		}
	}
	return nil
}

// askLimit finds out whether the target takes n bytes, if that is not known.
func (t *Target) askLimit(ctx context.Context, n int64) error {
	l := t.limit
	l.asking.Lock()
	defer l.asking.Unlock()
	if n <= l.taken.Load() || n >= l.refused.Load() {
		return nil
	}
	ok, err := t.try(ctx, int(n))
	switch {
	case err != nil:
		return err
	case ok:
		l.taken.Store(n)
	default:
		l.refused.Store(n)
	}
	return nil
}

// limitTries is how many times in a row a connection must end at an argument that nothing else
// explains.
const limitTries = 3

// try asks every server with an argument of n bytes.
func (t *Target) try(ctx context.Context, n int) (bool, error) {
	keyspace := t.options.Keyspaces[t.options.Databases()[0]]
	for _, addr := range t.Servers() {
		for try := 1; ; try++ {
			c, err := t.options.At(addr).Dial(ctx, keyspace)
			if err != nil {
				return false, err // it is not for the argument
			}
			ok, err := c.TryArgument(ctx, n)
			c.Close()
			switch {
			case ctx.Err() != nil:
				return false, context.Cause(ctx)
			case conn.IsTimeout(err):
				return false, c.Refused("EXISTS", err)
			case err == nil && !ok || try == limitTries && err != nil:
				return false, nil
			}
			if err == nil {
				break
			}
		}
	}
	return true, nil
}
