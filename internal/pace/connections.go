package pace

import (
	"context"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

const (
	// growLooks is how many looks, their median quick, let one more connection read …
	growLooks = 3
	// … and shrinkLooks how many, their median slow, one fewer.
	shrinkLooks = 7
	// roomFactor is how many times as long as at the start a server with room may take to answer,
	// and leastRoom what it may take in any case.
	roomFactor = 4
	leastRoom  = 8 * time.Millisecond
	// After one fewer, none is added for so long, and twice as long after each further time.
	firstCalm = 5 * time.Second
	mostCalm  = 5 * time.Minute
)

// LookEvery is how often Connections look whether the server has room.
const LookEvery = 25 * time.Millisecond

// Connections says how many connections may read from a server at once: few at first, and more as
// long as the server answers others quickly, which a ping tells. A server without room has some
// taken away again, down to the few. How many threads it has need not be known.
type Connections struct {
	least, most int
	ping        func(context.Context) (time.Duration, error)
	every       time.Duration

	n      int
	start  time.Duration
	recent []time.Duration // looks since n changed
	calm   time.Duration   // after the next change to fewer
	until  time.Time       // before which none is added
}

// NewConnections returns Connections that begin with least and never exceed most. They look every
// so often.
func NewConnections(least, most int, every time.Duration, ping func(context.Context) (time.Duration, error)) *Connections {
	return &Connections{least: least, most: most, ping: ping, every: every, n: least, calm: firstCalm}
}

// Begin measures how fast the server answers before anything is read. A server that does not answer
// is no error: then it stays with the few.
func (c *Connections) Begin(ctx context.Context) {
	var err error
	if c.start, err = measure(ctx, c.ping); err != nil {
		c.most = c.least
	}
}

// Watch looks until the context ends. Resize is told how many connections may read from then on.
func (c *Connections) Watch(ctx context.Context, resize func(n int)) {
	for c.most > c.least && retry.Sleep(ctx, c.every) == nil {
		d, err := c.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d = c.limit() + 1 // no answer is a slow one
		}
		if c.saw(d) {
			resize(c.n)
		}
	}
}

// limit is what a server with room takes at most.
func (c *Connections) limit() time.Duration { return max(leastRoom, roomFactor*c.start) }

// saw takes a look, and reports whether it changes n.
func (c *Connections) saw(d time.Duration) bool {
	if len(c.recent) == shrinkLooks {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, d)
	now := time.Now()
	switch n := len(c.recent); {
	case c.n > c.least && n == shrinkLooks && median(c.recent) > c.limit():
		c.n--
		c.until, c.calm = now.Add(c.calm), min(mostCalm, 2*c.calm)
	case c.n < c.most && n >= growLooks && !now.Before(c.until) && median(c.recent[n-growLooks:]) <= c.limit():
		c.n++
	default:
		return false
	}
	c.recent = nil
	return true
}
