package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A Counter has a server count its keys, as long as nothing is written to it.
type Counter interface {
	// Look returns a count, if one is done, and has one made if not. An error says why there will
	// be none: something was written since the Counter began.
	Look(ctx context.Context) (n question.Count, done bool, err error)
	// Sees returns nil if all that was read came from the server that counts.
	Sees(ctx context.Context) error
	Close()
}

// A Census spares keys that have no expiry in the dump the question for it. That they have none is
// proven in the end, by a count that was done before they were read: the server had as many keys as
// were found there, and as many of them expire as were found to. No key is found twice, as a dump
// has each name once, nor can one have changed in between, or have expired before it was counted.
// Without the proof those that were spared are asked, in a second pass.
type Census struct {
	counter Counter
	of      string         // what is counted, as errors have it; empty: what is compared
	most    question.Count // that the server may have, to be worth while

	mu     sync.Mutex
	looked time.Time
	from   int64 // the count is of this time, in Unix ms, or later; 0: it is not done
	failed error // why there will be no proof; nil: there may be one
	keys   int64 // that were found
	// expiring counts those that expire by the second; from horizon on all together.
	expiring map[int64]int64
	horizon  int64
}

// A census waits so long for the count when it begins, which may have to be asked for again after a
// second, looks every lookEvery then, and tells the seconds of an hour apart.
const (
	firstWait    = 1500 * time.Millisecond
	lookEvery    = 250 * time.Millisecond
	horizonAfter = time.Hour
)

// NewCensus returns a Census that closes the counter. Errors say of what it counts. Now is the
// server's time.
func NewCensus(c Counter, of string, most question.Count, now time.Time) *Census {
	return &Census{counter: c, of: of, most: most, expiring: map[int64]int64{}, horizon: now.Add(horizonAfter).Unix()}
}

// Close closes the counter.
func (c *Census) Close() { c.counter.Close() }

// spares reports whether keys need not be asked: not before they have been counted.
func (c *Census) spares(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil && time.Since(c.looked) >= lookEvery {
		until := time.Now()
		if c.looked.IsZero() {
			until = until.Add(firstWait)
		}
		n, done, err := c.counter.Look(ctx)
		for err == nil && !done && time.Now().Before(until) {
			if err = retry.Sleep(ctx, 10*time.Millisecond); err == nil {
				n, done, err = c.counter.Look(ctx)
			}
		}
		if c.from, c.failed = n.From, err; done && (n.Keys > c.most.Keys || n.Expiring > c.most.Expiring) {
			c.failed = fmt.Errorf("%s: more than the dump can have brought there", c.counted(n))
		}
		c.looked = time.Now()
	}
	return c.failed == nil && c.from > 0
}

func (c *Census) counted(n question.Count) string {
	return fmt.Sprintf("the target counts %s%s, of which %s expire", progress.Plural(n.Keys, "key", "keys"), c.of, progress.Count(n.Expiring))
}

// found counts a key of which all is known, and that is there. One that has expired may have been
// in the server's count.
func (c *Census) found(k *key) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.typ == question.TypeNone {
		if c.from > 0 && k.expire > c.from && len(k.diffs) > 0 && k.diffs[0].Class == ExpiredSince {
			c.failed = errors.New("keys expired that the target had counted")
		}
		return
	}
	c.keys++
	switch {
	case k.typ != "" || k.gotExpire == question.UnknownExpiry:
		c.failed = errors.New("keys are of other types")
	case k.gotExpire != 0:
		c.expiring[min(k.gotExpire/1000, c.horizon)]++
	}
}

// proves returns nil if the keys that were spared have no expiry, and else why that is not known.
func (c *Census) proves(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	n, _, err := c.counter.Look(ctx)
	if err != nil {
		return err
	}
	keys, expiring, from, until := c.keys, int64(0), n.From/1000, n.Until/1000
	for second, k := range c.expiring {
		switch {
		case second > until:
			expiring += k
		case second < from:
			keys -= k // not counted any more
		default:
			return errors.New("keys expired while the target counted")
		}
	}
	if until >= c.horizon || keys != n.Keys || expiring != n.Expiring {
		return fmt.Errorf("%s, and of the dump %s and %s were found there", c.counted(n), progress.Count(keys), progress.Count(expiring))
	}
	return c.counter.Sees(ctx)
}
