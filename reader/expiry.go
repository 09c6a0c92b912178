package reader

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// What a key's expiry can be beside a time.
const (
	gone          int64 = -2 // the key is not there any more: deleted, or expired
	expired       int64 = -3 // not there any more, surely because its time had come
	unknownExpiry int64 = -4 // it cannot be told: another type has the name
	vanished      int64 = -5 // not there any more, by two looks: deleted or expired, which of both cannot be told
)

// isGone reports whether an expiry says that there is no key any more.
func isGone(expire int64) bool { return expire == gone || expire == expired || expire == vanished }

// clockEvery is how many keys are asked for between two readings of the server's
// clock: where both readings are the same, the expiries between are exact.
const clockEvery = 16

// clockLag is more ms than the clock by which Pika counts seconds is behind the one that
// TIME reads: time() moves on with the kernel's ticks, up to 10 ms after the second began.
const clockLag = 25

// maxAsk is how often an expiry is asked for again because the clock went on meanwhile: even a
// source that is so busy that it does every second time answers some of them exactly.
const maxAsk = 20

// apartFor is for how many pipelines keys are listed each by itself after a range that had too many
// others.
const apartFor = 16

// moreNames is how many names between those of a pipeline are listed with them.
const moreNames = 16

// expiries asks for the absolute expiries of the keys of a batch. They are asked for behind the
// values: an expiry is never older than its value.
type expiries struct {
	x      *exchange
	typ    format.Type // of the keys; empty: any
	alone  bool        // no other type has their names
	keys   [][]byte
	at     []int64 // per key: Unix ms, 0 for never, or what it is beside a time
	said   []said
	late   []int // keys to be asked again
	wait   bool  // and not before the clock has gone on
	lastMs bool  // by some ms
	rivals TypeSet
	before look // who has the names
	behind look
	b      resp.Batch
	buf    resp.Buffer
}

// said is what the server said of a key between two readings of its clock.
type said struct {
	ttl, before, after int64
	zero               bool // it was 0, and is asked again
}

// seconds reports whether the source stores seconds (SERVERS.md P3).
func (e *expiries) seconds() bool { return e.x.s.source.ManyTypes() }

// ask adds the commands for the keys at the places of items to b.
func (e *expiries) ask(b *resp.Batch, items [][]byte, places []int) {
	e.keys, e.at, e.said = e.keys[:0], e.at[:0], e.said[:0]
	for _, k := range places {
		e.keys = append(e.keys, items[k])
	}
	e.before, e.behind = look{}, look{}
	if e.x.s.source.ManyTypes() && len(places) > 0 && !e.alone {
		e.look(places[len(places)-1] - places[0] + 1)
	}
	e.before.ask(b)
	for i, key := range e.keys {
		if i%clockEvery == 0 {
			b.Add("TIME")
		}
		e.askOne(b, key)
	}
	if len(places) > 0 {
		b.Add("TIME")
	}
	e.behind.ask(b)
}

// look chooses how it is looked who has the names, which span so many.
func (e *expiries) look(span int) {
	l := look{x: e.x, keys: e.keys, n: span + moreNames}
	if t := e.typ; t != "" {
		l.types = e.x.s.source.rivals(t)
		e.rivals = holdsAny(l.types)
		l.types = append(l.types, t)
	}
	l.apart = e.x.s.listing == byCursor || len(e.keys) < 4 || e.x.apart > 0 || !slices.IsSortedFunc(e.keys, bytes.Compare)
	if l.apart {
		l.n = 1
		e.x.apart = max(0, e.x.apart-1)
	}
	e.before, e.behind = l, l
	if t := e.typ; !l.apart && t != format.TypeString { // it was there when its value was read, in this pipeline
		e.before.types, e.before.known = l.types[:len(l.types)-1], holds(t)
	}
}

// askOne adds the command for one key. TTL can come from Pika's cache; on 4.0 PTTL does not.
func (e *expiries) askOne(b *resp.Batch, key []byte) {
	if e.seconds() {
		b.Add("TTL", key)
	} else {
		b.Add("PTTL", key)
	}
}

// read takes the replies to ask. It asks again for keys whose expiry the clock's going
// on left in doubt, or who else has their name.
func (e *expiries) read(ctx context.Context, p *resp.Replies) error {
	e.before.read(p)
	e.readTTLs(p)
	e.behind.read(p)
	if p.Err() != nil {
		return p.Err()
	}
	e.at = append(e.at, make([]int64, len(e.keys))...)
	e.late, e.wait, e.lastMs = e.late[:0], false, false
	unclears := 0
	for i := range e.keys {
		who := e.owner(&e.before, &e.behind, i)
		again, err := e.judge(ctx, i, who, false)
		if err != nil {
			return err
		}
		if again {
			e.late = append(e.late, i)
		}
		if who == unclear {
			unclears++
		}
	}
	if !e.before.apart && unclears > len(e.keys)/2 {
		e.x.apart = apartFor
	}
	for try := 1; len(e.late) > 0; try++ {
		if err := e.askLate(ctx, try == maxAsk); err != nil {
			return err
		}
	}
	return nil
}

// noTTL stands for an error in place of a TTL.
const noTTL = math.MinInt64

// ttl takes the TTL of the key at place i.
func (e *expiries) ttl(p *resp.Replies, i int) int64 {
	p.Answers("TTL", e.keys[i])
	re := p.Refused()
	if re == nil {
		return p.Integer()
	}
	if errors.Is(re, ErrAuth) {
		p.Fail(re)
	}
	return noTTL
}

// mostOdd is of how many keys of a pipeline the expiry can be unknown because TTL fails, unless
// most others can be told.
const mostOdd = 8

// readTTLs takes the TTLs in their groups.
func (e *expiries) readTTLs(p *resp.Replies) {
	if len(e.keys) == 0 {
		return
	}
	odd, now := 0, readTime(p)
	for len(e.said) < len(e.keys) {
		from, n := len(e.said), min(clockEvery, len(e.keys)-len(e.said))
		for range n {
			ttl := e.ttl(p, len(e.said))
			if ttl == noTTL {
				odd++
			}
			e.said = append(e.said, said{ttl: ttl, before: now})
		}
		now = readTime(p) // behind this group, and before the next
		e.x.s.saw(now)
		for i := range e.said[from:] {
			e.said[from+i].after = now
		}
	}
	if odd > max(mostOdd, len(e.keys)/2) {
		p.Answers("TTL", nil)
		p.Odd("errors for %d of %d keys", odd, len(e.keys))
	}
}

// owner tells whose the TTL of the key at place i is, of which the looks have the place j.
func (e *expiries) owner(before, behind *look, j int) owner {
	switch {
	case before.x == nil: // nobody else can have the name
		return own
	case e.typ != "":
		return ownerOf(e.typ, e.rivals, before.held[j], behind.held[j])
	case before.held[j] != behind.held[j]:
		return unclear
	}
	return own // of which type it is turns out later, see of
}

// of returns the expiry of the key at place i, which turned out to be of type t. There are the
// types in which it was read.
func (e *expiries) of(i int, t format.Type, there TypeSet) int64 {
	if e.behind.x == nil || e.at[i] == unknownExpiry {
		return e.at[i]
	}
	first := e.behind.held[i]
	switch ownerOf(t, holdsAny(e.x.s.source.rivals(t)), there, first&-first|first&there) {
	case own:
		return e.at[i]
	case lost:
		return vanished
	}
	return unknownExpiry
}

// judge makes the expiry of a key of what was said, and reports whether it has to be asked again.
func (e *expiries) judge(ctx context.Context, i int, who owner, last bool) (again bool, err error) {
	switch who {
	case lost:
		e.at[i] = vanished
		return false, nil
	case shared:
		e.at[i] = unknownExpiry
		return false, nil
	case unclear:
		e.at[i] = unknownExpiry
		return !last, nil
	}
	s := &e.said[i]
	if s.ttl == 0 && !e.seconds() && !s.zero { // 4.0: deleted, or within its last ms (SERVERS.md P3)
		e.at[i], s.zero, e.lastMs = e.notThere(e.keys[i]), true, true
		return !last, nil
	}
	if s.ttl == -2 && e.before.x != nil && e.typ != "" { // it has come back meanwhile
		e.at[i] = gone
		return !last, nil
	}
	at, exact, err := e.absolute(ctx, e.keys[i], s.ttl, s.before, s.after)
	e.at[i] = at
	e.wait = e.wait || !exact
	return !exact && !last, err
}

// absolute turns a reply into an expiry. It is exact if the clock stood between the
// readings, in the unit in which the server counts, and in all of its clocks.
func (e *expiries) absolute(ctx context.Context, key []byte, ttl, before, after int64) (at int64, exact bool, err error) {
	switch {
	case ttl == -1:
		return 0, true, nil
	case ttl == -2 && !e.seconds() && e.typ == format.TypeString:
		return expired, true, nil // of a string that was deleted 4.0 says 0
	case ttl == -2:
		return e.notThere(key), true, nil
	case ttl < 0 || ttl > math.MaxInt64-after:
		return unknownExpiry, true, nil
	case ttl == 0 && !e.seconds():
		return e.notThere(key), true, nil
	}
	unit := int64(1000)
	if !e.seconds() {
		if unit, err = e.x.s.unit.ask(ctx, e.x.c, key); err != nil || unit == 0 {
			return e.notThere(key), false, err
		}
	}
	from, to := before/unit, after/unit
	if ttl > math.MaxInt64/unit-to {
		return unknownExpiry, true, nil
	}
	exact = from == to && (unit == 1 || before%1000 >= clockLag)
	return (from + ttl) * unit, exact, nil
}

// notThere is what an expiry is of which PTTL of a 4.0 says that there is no key: an expired string
// is told otherwise, and a name with a NUL can be of keys that are there (SERVERS.md P3, P4). Up to
// 3.5 a look tells (owner).
func (e *expiries) notThere(key []byte) int64 {
	if e.seconds() || e.typ == format.TypeString || bytes.IndexByte(key, 0) >= 0 {
		return gone
	}
	return vanished
}

// askLate asks again for the keys in late, each between two readings of the clock. The last time
// the earliest expiry that fits is taken: it is at most the time of one command early.
func (e *expiries) askLate(ctx context.Context, last bool) error {
	if e.wait && (e.seconds() || e.x.s.unit.ms.Load() == 1000) {
		if err := retry.Sleep(ctx, clockLag*time.Millisecond); err != nil {
			return err
		}
	} else if e.lastMs {
		if err := retry.Sleep(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	e.wait, e.lastMs = false, false
	e.b.Reset()
	before := make([]look, len(e.late))
	for j, i := range e.late {
		before[j] = e.before
		if e.before.x != nil {
			before[j] = look{x: e.x, types: e.behind.types, keys: e.keys[i : i+1], apart: true, n: 1}
		}
		e.b.Add("TIME")
		before[j].ask(&e.b)
		e.askOne(&e.b, e.keys[i])
		before[j].ask(&e.b)
		e.b.Add("TIME")
	}
	p, _, err := e.x.roundTripOrLess(ctx, &e.b, &e.buf, 0, func() bool { return false })
	if err != nil {
		return err
	}
	still := e.late[:0]
	for j, i := range e.late {
		who := e.readLate(p, i, &before[j])
		if p.Err() != nil {
			return p.Err()
		}
		again, err := e.judge(ctx, i, who, last)
		if err != nil {
			return err
		}
		if again {
			still = append(still, i)
		}
	}
	e.late = still
	return nil
}

// readLate takes what was said of one key that was asked for again.
func (e *expiries) readLate(p *resp.Replies, i int, before *look) owner {
	s, behind := &e.said[i], *before
	s.before = readTime(p)
	before.read(p)
	s.ttl = e.ttl(p, i)
	behind.read(p)
	s.after = readTime(p)
	if behind.x != nil {
		e.behind.held[i] = behind.held[0]
	}
	return e.owner(before, &behind, 0)
}
