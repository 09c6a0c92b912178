package reader

import (
	"context"
	"time"
)

// A Pinger measures how fast the source answers, over a connection of its own. It is not safe
// for concurrent use.
type Pinger struct{ lazyConn }

// Pinger returns a Pinger. It connects when it is first asked, and again after a failure.
func (s *Scanner) Pinger() *Pinger { return &Pinger{lazyConn{s: s}} }

// Ping returns how long the source took to answer. The context that connects ends
// the connection as well.
func (p *Pinger) Ping(ctx context.Context) (time.Duration, error) {
	if err := p.connect(ctx); err != nil {
		return 0, err
	}
	for {
		start := time.Now()
		r, err := p.c.doOnce(ctx, "PING")
		took := time.Since(start)
		if err == nil {
			err = r.Status()
		}
		if err == nil {
			return took, nil
		}
		if err = p.c.retry(ctx, err); err != nil {
			p.Close()
			return 0, err
		}
	}
}
