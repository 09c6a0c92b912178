package writer

import (
	"context"
	"time"
)

// expiryMargin is how long a key must have to live for it to be written: less, and it
// could be over before its commands are through. Such a key counts as expired.
const expiryMargin = time.Second

// isOver reports whether an expiry is not worth being written any more.
func (q *queue) isOver(ctx context.Context, expire int64) bool {
	over := func(now time.Time) bool { return expire <= now.Add(expiryMargin).UnixMilli() }
	return expire != 0 && over(q.target.Clock()) && over(q.target.Now(ctx))
}

// hasPassed reports whether the target must have expired a key by now.
func (q *queue) hasPassed(ctx context.Context, expire int64) bool {
	return expire != 0 && expire <= q.target.Now(ctx).UnixMilli()
}

// expireAfter gives k its expiry behind its first data command, so that a load that is
// cut off leaves no large key that lives for ever.
func (q *queue) expireAfter(k *key) {
	if k.expire == 0 || k.ttlSure {
		return
	}
	k.ttlSure = true
	q.pexpireat(k)
}

func (q *queue) pexpireat(k *key) {
	q.batch.request(command{key: k, want: wantExpiry}, "PEXPIREAT", k.name, k.expire)
}

// confirmExpiry repeats the expiry of a key that took several commands: had it been
// over between two of them, the second had made it anew without one. It costs no write
// when nothing has changed (SERVERS.md K6).
func (q *queue) confirmExpiry(ctx context.Context, k *key) error {
	if k.expire == 0 || (k.queued < 2 || k.raw) && !k.resumed || k.out != alive {
		return nil
	}
	if len(q.batch.commands) >= q.options.BatchCommands {
		if err := q.flush(ctx); err != nil {
			return err
		}
	}
	if k.out == alive {
		q.pexpireat(k)
	}
	return nil
}
