package reader

import (
	"context"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// pttlUnit is what PTTL answers in on a 4.0: 4.0.0 answers seconds, 4.0.1 milliseconds,
// and both call themselves 4.0.0 (SERVERS.md P3). The first key with an expiry tells.
type pttlUnit struct{ ms atomic.Int64 } // 0: not known yet; 1 or 1000

// ask returns the unit of PTTL in ms, finding it out with the key if it is not known: what
// PTTL answers is below TTL×500 only if it is in seconds. 0: the key is gone.
func (u *pttlUnit) ask(ctx context.Context, c *conn, key []byte) (int64, error) {
	if ms := u.ms.Load(); ms != 0 {
		return ms, nil
	}
	var b resp.Batch
	b.Add("PTTL", key)
	b.Add("TTL", key)
	b.Add("PTTL", key)
	p := c.ask(ctx, &b, &c.spare)
	switch first, ttl, second := p.Integer(), p.Integer(), p.Integer(); {
	case p.Err() != nil:
		return 0, p.Err()
	case first <= 0 || second <= 0 || ttl < 0:
		return 0, nil
	case ttl == 0: // less than a second, which only milliseconds can say
		u.ms.Store(1)
		return 1, nil
	case first/500 < ttl: // no product: a key can live for millions of years
		u.ms.Store(1000)
		return 1000, nil
	}
	u.ms.Store(1)
	return 1, nil
}
