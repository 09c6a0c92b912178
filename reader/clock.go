package reader

import (
	"sync"
	"time"
)

// A clock tells the source's time by what its TIME showed last, and the time that has passed since:
// this host's clock, and the source's, may be set meanwhile.
type clock struct {
	mu    sync.Mutex
	read  time.Time     // when it was read
	ahead time.Duration // of this host's, then
}

// saw notes what TIME showed, in Unix ms; 0: nothing.
func (c *clock) saw(now int64) {
	if now == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = time.Now()
	c.ahead = time.UnixMilli(now).Sub(c.read)
}

// Now returns the source's time, by what it showed when expiries were read last.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read.Add(c.ahead + time.Since(c.read))
}
