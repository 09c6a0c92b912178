package reader

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// What a key's expiry can be beside a time: no key any more.
const (
	gone    int64 = -2 // not there any more: deleted, or expired
	expired int64 = -3 // not there any more, surely because its time had come
)

// pttlUnit is what PTTL answers in on a 4.0: 4.0.0 answers seconds, 4.0.1 milliseconds,
// and both call themselves 4.0.0 (SERVERS.md P3). The first key with an expiry tells.
type pttlUnit struct{ ms atomic.Int64 } // 0: not known yet; 1 or 1000

// clockEvery is how many keys are asked for between two readings of the server's
// clock: where both readings are the same, the expiries between are exact.
const clockEvery = 16

// clockLag is more ms than the clock by which Pika counts seconds is behind the one that
// TIME reads: time() moves on with the kernel's ticks, up to 10 ms after the second began.
const clockLag = 25

// maxAsk is how often an expiry is asked for again because the clock went on meanwhile: even a source that is so busy that it
// does every second time answers some of them exactly.
const maxAsk = 20

// expiries asks for the absolute expiries of the keys of a batch.
type expiries struct {
	w    *walk
	keys [][]byte
	at   []int64 // per key: Unix ms, 0 for never, gone or expired
	late []int   // keys to be asked again
	b    batch
	buf  replyBuffer
}

// seconds reports whether the source stores seconds (SERVERS.md P3).
func (e *expiries) seconds() bool { return e.w.s.source.ManyTypes() }

// ask adds the commands for the keys at the places of items to b.
func (e *expiries) ask(b *batch, items [][]byte, places []int) {
	e.keys, e.at = e.keys[:0], e.at[:0]
	for i, k := range places {
		if i%clockEvery == 0 {
			b.add("TIME")
		}
		e.keys = append(e.keys, items[k])
		e.askOne(b, items[k])
	}
	if len(places) > 0 {
		b.add("TIME")
	}
}

// askOne adds the command for one key. TTL can come from Pika's cache; on 4.0
// PTTL does not.
func (e *expiries) askOne(b *batch, key []byte) {
	if e.seconds() {
		b.add("TTL", key)
	} else {
		b.add("PTTL", key)
	}
}

// read takes the replies to ask. It asks again for keys whose expiry the clock's going
// on left in doubt.
func (e *expiries) read(ctx context.Context, p *parser) error {
	e.late = e.late[:0]
	var ttls [clockEvery]int64
	for len(e.at) < len(e.keys) {
		before, err := p.time()
		if err != nil {
			return err
		}
		n := min(clockEvery, len(e.keys)-len(e.at))
		for i := range n {
			p.answers("TTL", e.keys[len(e.at)+i])
			if ttls[i], err = p.integer(); err != nil {
				return err
			}
		}
		// The reading after a group is the reading before the next.
		off := p.off
		after, err := p.time()
		if err != nil {
			return err
		}
		if len(e.at)+n < len(e.keys) {
			p.off = off
		}
		for _, ttl := range ttls[:n] {
			if err := e.put(ctx, ttl, before, after); err != nil {
				return err
			}
		}
	}
	for try := 1; len(e.late) > 0; try++ {
		if err := e.askLate(ctx, try == maxAsk); err != nil {
			return err
		}
	}
	return nil
}

// put notes the expiry of the next key: ttl, as the server said it between two readings of
// its clock.
func (e *expiries) put(ctx context.Context, ttl, before, after int64) error {
	i := len(e.at)
	e.at = append(e.at, 0)
	at, exact, err := e.absolute(ctx, e.keys[i], ttl, before, after)
	e.at[i] = at
	if err == nil && !exact {
		e.late = append(e.late, i)
	}
	return err
}

// absolute turns a reply into an expiry. It is exact if the clock stood between the
// readings, in the unit in which the server counts, and in all of its clocks.
func (e *expiries) absolute(ctx context.Context, key []byte, ttl, before, after int64) (at int64, exact bool, err error) {
	switch {
	case ttl == -1:
		return 0, true, nil
	case ttl == -2 && !e.seconds() && e.w.pass.Type == format.TypeString:
		return expired, true, nil // of a string that was deleted 4.0 says 0
	case ttl == -2:
		return gone, true, nil
	case ttl < 0 || ttl > math.MaxInt64-after:
		return 0, false, &ReplyError{"TTL " + quoteKey(key), formatInt(ttl)}
	case ttl == 0 && !e.seconds(): // 4.0: deleted, or within its last ms (SERVERS.md P3)
		return gone, true, nil
	}
	unit := int64(1000)
	if !e.seconds() {
		if unit, err = e.w.unit(ctx, key); err != nil || unit == 0 {
			return gone, true, err
		}
	}
	from, to := before/unit, after/unit
	if ttl > math.MaxInt64/unit-to {
		return 0, false, &ReplyError{"TTL " + quoteKey(key), formatInt(ttl)}
	}
	exact = from == to && (unit == 1 || before%1000 >= clockLag)
	return (from + ttl) * unit, exact, nil
}

// askLate asks again for the keys in late, each between two readings of the clock. The
// last time the earliest expiry that fits is taken: it is at most the time of
// one command early.
func (e *expiries) askLate(ctx context.Context, last bool) error {
	if e.seconds() || e.w.s.unit.ms.Load() == 1000 {
		if err := pause(ctx, clockLag*time.Millisecond); err != nil {
			return err
		}
	}
	e.b.reset()
	for _, i := range e.late {
		e.b.add("TIME")
		e.askOne(&e.b, e.keys[i])
		e.b.add("TIME")
	}
	p, err := e.w.c.send(ctx, &e.b, &e.buf)
	if err != nil {
		return err
	}
	still := e.late[:0]
	for _, i := range e.late {
		before, err := p.time()
		if err != nil {
			return err
		}
		p.answers("TTL", e.keys[i])
		ttl, err := p.integer()
		if err != nil {
			return err
		}
		after, err := p.time()
		if err != nil {
			return err
		}
		at, exact, err := e.absolute(ctx, e.keys[i], ttl, before, after)
		if err != nil {
			return err
		}
		e.at[i] = at
		if !exact && !last {
			still = append(still, i)
		}
	}
	e.late = still
	return nil
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

// unit returns the unit of PTTL in ms, finding it out with the key if it is not known: what
// PTTL answers is below TTL×500 only if it is in seconds. 0: the key is gone.
func (w *walk) unit(ctx context.Context, key []byte) (int64, error) {
	if u := w.s.unit.ms.Load(); u != 0 {
		return u, nil
	}
	var b batch
	b.add("PTTL", key)
	b.add("TTL", key)
	b.add("PTTL", key)
	p, err := w.c.send(ctx, &b, &w.c.spare)
	if err != nil {
		return 0, err
	}
	var v [3]int64
	for i := range v {
		if v[i], err = p.integer(); err != nil {
			return 0, err
		}
	}
	switch first, ttl, second := v[0], v[1], v[2]; {
	case first <= 0 || second <= 0 || ttl < 0:
		return 0, nil
	case ttl == 0: // less than a second, which only milliseconds can say
		w.s.unit.ms.Store(1)
		return 1, nil
	case first/500 < ttl: // no product: a key can live for millions of years
		w.s.unit.ms.Store(1000)
		return 1000, nil
	}
	w.s.unit.ms.Store(1)
	return 1, nil
}
