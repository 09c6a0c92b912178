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
	tried time.Time     // to read it again
}

// readAfter is how old a reading of the target's clock may be where a key is given up for it.
const readAfter = time.Second

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
// it cannot be read it goes on.
func (t *Target) Now(ctx context.Context) time.Time {
	c := &t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.ClockOffset != 0 && time.Since(c.read) > readAfter && time.Since(c.tried) > readAfter {
		c.tried = time.Now()
		if ahead, err := t.readClock(ctx); err == nil && ahead != 0 {
			c.set(ahead)
		}
	}
	return c.now()
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
