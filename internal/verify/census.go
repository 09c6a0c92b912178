package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A Count is a server's own count of its keys.
type Count = question.Count

// A Counter has a server count its keys, as long as nothing is written to it.
type Counter interface {
	// Look returns a count, if one is done, and has one made if not; again asks for another. An
	// error says why there will be none: something was written since the Counter began.
	Look(ctx context.Context, again bool) (n Count, done bool, err error)
	// Sees returns nil if all that was read came from the server that counts.
	Sees(ctx context.Context) error
	Close()
}

// A Census spares keys that have no expiry in the dump the question for it. That they have none is
// proven in the end, by a count of the server: it has as many keys as were found there, and as many
// of them expire as were found to. No key is found twice, as a dump has each name once, nor can one
// have changed in between. Without the proof those that were spared are asked, in a second pass.
type Census struct {
	counter  Counter
	most     Count         // that the server may have, to be worth while
	patience time.Duration // with a count in the end, at least

	mu     sync.Mutex
	began  time.Time
	looked time.Time
	failed error // why there will be no proof; nil: there may be one
	keys   int64 // that were found
	// expiring counts those that expire by the second; from horizon on all together.
	expiring map[int64]int64
	horizon  int64
}

// A census looks every lookEvery, tells the seconds of an hour apart, and waits for a count in the
// end as long as a part of the comparison took.
const (
	lookEvery    = 250 * time.Millisecond
	horizonAfter = time.Hour
	patiencePart = 8
)

// NewCensus returns a Census that closes the counter. Now is the server's time.
func NewCensus(c Counter, most Count, now time.Time) *Census {
	return &Census{
		counter: c, most: most, patience: 5 * time.Second, began: time.Now(), expiring: map[int64]int64{}, horizon: now.Add(horizonAfter).Unix(),
	}
}

// Close closes the counter.
func (c *Census) Close() { c.counter.Close() }

// spares reports whether keys need not be asked.
func (c *Census) spares(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil && time.Since(c.looked) >= lookEvery {
		n, done, err := c.counter.Look(ctx, false)
		if c.failed = err; done && (n.Keys > c.most.Keys || n.Expiring > c.most.Expiring) {
			c.failed = fmt.Errorf("the target counts %s, of which %s expire: more than the dump can have brought",
				progress.Plural(n.Keys, "key", "keys"), progress.Count(n.Expiring))
		}
		c.looked = time.Now()
	}
	return c.failed == nil
}

// found counts a key of which all is known, and that is there.
func (c *Census) found(k *key) {
	if c == nil || k.typ == TypeNone {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys++
	switch {
	case k.typ != "" || k.gotExpire == UnknownExpiry:
		c.failed = errors.New("keys are of other types")
	case k.gotExpire != 0:
		c.expiring[min(k.gotExpire/1000, c.horizon)]++
	}
}

// proves returns nil if the keys that were spared have no expiry, and else why that is not known.
// Another count is made if the first has more keys: they may have expired before they were read.
func (c *Census) proves(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	until := time.Now().Add(max(c.patience, time.Since(c.began)/patiencePart))
	for again, second := false, false; c.failed == nil; {
		n, done, err := c.counter.Look(ctx, again)
		again = false
		switch {
		case err != nil:
			return err
		case !done && time.Now().After(until):
			return errors.New("the target has not counted its keys yet")
		case !done:
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		if why, more := c.differs(n); why == nil {
			return c.counter.Sees(ctx)
		} else if second || !more {
			return why
		}
		again, second = true, true
	}
	return c.failed
}

// differs says why a count proves nothing, and if it has more keys, which may be no more by now.
func (c *Census) differs(n Count) (why error, more bool) {
	keys, expiring, from, until := c.keys, int64(0), n.From/1000, n.Until/1000
	for second, k := range c.expiring {
		switch {
		case second > until:
			expiring += k
		case second < from:
			keys -= k // not counted any more
		default:
			return errors.New("keys expired while the target counted"), true
		}
	}
	if until >= c.horizon || keys != n.Keys || expiring != n.Expiring {
		why = fmt.Errorf("the target counts %s, of which %s expire, and of the dump %s and %s were found there",
			progress.Plural(n.Keys, "key", "keys"), progress.Count(n.Expiring), progress.Count(keys), progress.Count(expiring))
	}
	return why, n.Keys > keys
}
