package writer

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// counters is what stands behind checkpoint.Stats: one goroutine writes, any may read.
type counters struct {
	keys, expiring, elements, commands, bytes, expired, short, dropped atomic.Int64

	mu      sync.Mutex
	leftOut map[string]int64
}

func (c *counters) leave(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leftOut == nil {
		c.leftOut = make(map[string]int64)
	}
	c.leftOut[reason]++
}

func (c *counters) snapshot() checkpoint.Stats {
	s := checkpoint.Stats{
		Keys:     c.keys.Load(),
		Expiring: c.expiring.Load(),
		Elements: c.elements.Load(),
		Commands: c.commands.Load(),
		Bytes:    c.bytes.Load(),
		Expired:  c.expired.Load(),
		Short:    c.short.Load(),
		Dropped:  c.dropped.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.LeftOut = maps.Clone(c.leftOut)
	return s
}
