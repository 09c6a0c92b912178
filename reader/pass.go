package reader

import (
	"bytes"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Pass is one ordered walk over the keys of one type in one database. While Scan makes it,
// Scanner.Split can take the upper part of its range away.
type Pass struct {
	DB    int
	Type  format.Type
	Start []byte // first key that can be in the pass; nil: from the first
	// Prefix narrows the pass to keys that begin with it, without asking for
	// others: for a filter that Keep applies.
	Prefix []byte
	// Keep reports whether the user wants the key; nil: all. What it declines is not reported.
	Keep func(key []byte) bool
	// Limit ends the pass after so many keys that were kept; 0: none. What lies behind counts
	// as covered.
	Limit int64

	mu     sync.Mutex
	end    []byte // key before which it ends; nil: to the last
	at     []byte // start of the page that is asked for
	closed bool   // the last page has been asked for: nothing can be taken away
	listed int64  // keys, or KiB of the pages' replies where these are more
	before int64  // of these, when the range was last split
}

// NewPass returns a pass over the keys from start to before end; nil is from the first, or
// to the last.
func NewPass(db int, t format.Type, start, end []byte) *Pass {
	return &Pass{DB: db, Type: t, Start: start, at: start, end: end}
}

// End returns the key before which the pass ends, nil for the end of the keyspace. After Scan it
// is what was covered.
func (p *Pass) End() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// Listed returns how much was listed, in all and since the range was last split: keys, or KiB where
// values come with them and are larger.
func (p *Pass) Listed() (all, since int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listed, p.listed - p.before
}

// first returns where the pass begins with its prefix taken into account.
func (p *Pass) first() []byte {
	if bytes.Compare(p.Start, p.Prefix) < 0 {
		return p.Prefix
	}
	return p.Start
}

// bound returns the end with the prefix taken into account.
func (p *Pass) bound() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.boundLocked()
}

func (p *Pass) boundLocked() []byte {
	if len(p.Prefix) > 0 {
		if next := successor(p.Prefix); next != nil && (p.end == nil || bytes.Compare(next, p.end) < 0) {
			return next
		}
	}
	return p.end
}

// advance says that a page that counts n (Listed) has come and that the next begins at next, nil if
// there is none. It returns the bound that holds for the keys of the page: what lies behind belongs
// to another pass by now. More reports whether the next page is still the pass's own.
func (p *Pass) advance(next []byte, n int) (bound []byte, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listed += int64(n)
	p.at = append(p.at[:0:0], next...)
	bound = p.boundLocked()
	p.closed = next == nil || bound != nil && bytes.Compare(next, bound) >= 0
	return bound, !p.closed
}

// remaining returns the range that can still be split.
func (p *Pass) remaining() (at, bound []byte, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.at), p.boundLocked(), !p.closed
}

// cut ends the pass before mid and returns the rest as a pass of its own; nil if the
// pass has got too far.
func (p *Pass) cut(mid []byte) *Pass {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || bytes.Compare(mid, p.at) <= 0 || p.end != nil && bytes.Compare(mid, p.end) >= 0 {
		return nil
	}
	rest := NewPass(p.DB, p.Type, mid, p.end)
	rest.Prefix, rest.Keep = p.Prefix, p.Keep
	p.end, p.before = mid, p.listed
	return rest
}

// Cut ends the pass, which is being made, with the page at hand, and returns the rest as a pass of
// its own; nil if there is none.
func (p *Pass) Cut() *Pass {
	p.mu.Lock()
	at := p.at
	p.mu.Unlock()
	if bytes.Compare(at, p.Prefix) < 0 {
		at = p.Prefix
	}
	return p.cut(append(bytes.Clone(at), 0))
}

// Restart makes the pass, of which Scan made a part, ready for another Scan from start on.
func (p *Pass) Restart(start []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Start, p.at, p.closed = start, start, false
}

// successor returns the first key behind all that begin with prefix; nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}
