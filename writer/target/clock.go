package target

import (
	"context"
	"sync"
	"time"
)

// A clock tells a server's time by what it showed last, and the time that has passed since: this
// host's clock, and the server's, may be set meanwhile.
type clock struct {
	mu    sync.Mutex
	read  time.Time     // when it was read
	ahead time.Duration // of this host's, then

	reading sync.Mutex
	tried   time.Time // to read it again
}

// How old a reading of the target's clock may be where a key is given up for it, and while another
// one reads it, over a slow link.
const (
	readAfter  = time.Second
	readBefore = 3 * time.Second
)

// SetClock notes how far the target's clock is ahead of this host's.
func (t *Target) SetClock(ahead time.Duration) {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.set(ahead)
}

func (c *clock) set(ahead time.Duration) { c.read, c.ahead = time.Now(), ahead }

func (c *clock) now() time.Time { return c.read.Add(c.ahead + time.Since(c.read)) }

// Clock returns the target's time by the last reading.
func (t *Target) Clock() time.Time {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.now()
}

// Now returns the target's time, and reads its clock if that was done longer than a second ago. If
// it cannot be read it goes on. While one reads it the others go on, too, for a while.
func (t *Target) Now(ctx context.Context) time.Time {
	c := &t.clock
	if t.ClockOffset == 0 || c.isRead(readAfter) {
		return t.Clock()
	}
	if !c.reading.TryLock() {
		if c.isRead(readBefore) {
			return t.Clock()
		}
		c.reading.Lock()
	}
	defer c.reading.Unlock()
	if !c.isRead(readAfter) && time.Since(c.tried) > readAfter {
		c.tried = time.Now()
		if ahead, err := t.readClock(ctx); err == nil && ahead != 0 {
			t.SetClock(ahead)
		}
	}
	return t.Clock()
}

// isRead reports whether the last reading is not older.
func (c *clock) isRead(within time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.read) <= within
}

// readClock asks how far the clock is ahead of this host's that is of all masters.
func (t *Target) readClock(ctx context.Context) (most time.Duration, err error) {
	for i, addr := range t.Servers() {
		c, err := t.options.At(addr).Dial(ctx, t.options.MainKeyspace())
		if err != nil {
			return 0, err
		}
		ahead, err := ClockOffset(ctx, c)
		if c.Close(); err != nil {
			return 0, err
		}
		if i == 0 || ahead > most {
			most = ahead
		}
	}
	return most, nil
}
