package progress

import (
	"sync/atomic"
	"time"
)

// A Counter counts a part of a run. Work is what shares are told by, in a unit that fits the phase:
// bytes of chunk files, or rows of the source.
type Counter struct {
	name              Name
	keys, bytes, work atomic.Int64
	elements          atomic.Int64
	whole             atomic.Int64 // work
	known             atomic.Bool  // whether whole is
	wholeKeys         atomic.Int64 // 0: not known
	units             atomic.Int64 // that are not done yet
	// What of these earlier runs have done, which says nothing of the speed.
	oldKeys, oldBytes, oldWork atomic.Int64

	// What Meter.mu guards.
	failed, done        bool
	keysRate, bytesRate speed
}

// Add counts keys, bytes of keys and values, and work. What is taken back is negative.
func (c *Counter) Add(keys, bytes, work int64) {
	c.keys.Add(keys)
	c.bytes.Add(bytes)
	c.work.Add(work)
}

// AddElements counts elements of keys: fields, members, entries.
func (c *Counter) AddElements(n int64) { c.elements.Add(n) }

// AddEarlier counts what earlier runs have done.
func (c *Counter) AddEarlier(keys, bytes, work int64) {
	c.oldKeys.Add(keys)
	c.oldBytes.Add(bytes)
	c.oldWork.Add(work)
	c.Add(keys, bytes, work)
}

// Expect adds a unit of so much work to the whole of the part.
func (c *Counter) Expect(work int64) {
	c.units.Add(1)
	c.whole.Add(work)
	c.known.Store(true)
}

// ExpectKeys adds to how many keys the part has.
func (c *Counter) ExpectKeys(n int64) { c.wholeKeys.Add(n) }

// Expected returns the whole that was expected so far.
func (c *Counter) Expected() int64 { return c.whole.Load() }

// UnitDone says that one of the units is done. The part is when all are.
func (c *Counter) UnitDone() { c.units.Add(-1) }

func (c *Counter) part(now time.Time) Part {
	p := Part{Name: c.name, Keys: c.keys.Load(), Elements: c.elements.Load(), Bytes: c.bytes.Load(), Work: c.work.Load(), Whole: -1, State: Running}
	done := c.done || c.known.Load() && c.units.Load() <= 0
	switch {
	case done:
		p.Whole = p.Work
	case c.known.Load():
		p.Whole = c.whole.Load()
	}
	p.Share = share(p.Work, p.Whole, done)
	p.KeysRate = c.keysRate.at(now, float64(p.Keys-c.oldKeys.Load()), rateTime)
	p.BytesRate = c.bytesRate.at(now, float64(p.Bytes-c.oldBytes.Load()), rateTime)
	switch {
	case c.failed:
		p.State = Failed
	case done:
		p.State = Done
	}
	if p.State != Running { // that of the last seconds would still sink
		p.KeysRate, p.BytesRate = 0, 0
	}
	return p
}
