package writer

import (
	"sync"
	"sync/atomic"
)

// Stats is what a worker has done so far. Only what the target has acknowledged counts.
type Stats struct {
	Keys     int64            // keys of which all parts are there, or all but single members reported in a LeftOut
	Expiring int64            // those of them with an expiry
	Elements int64            // fields, members, elements, entries; a string is one
	Commands int64            // replies read
	Bytes    int64            // of keys, fields, values, members and elements
	Expired  int64            // keys whose time was over, or was so before they were complete
	Short    int64            // keys left out for their short life (Options.Expire)
	Dropped  int64            // Replace: keys of the target deleted because those of the dump count in Expired or Short
	LeftOut  map[string]int64 // reports by reason
}

// Add adds t to s, for the sum over workers.
func (s *Stats) Add(t Stats) {
	s.Keys += t.Keys
	s.Expiring += t.Expiring
	s.Elements += t.Elements
	s.Commands += t.Commands
	s.Bytes += t.Bytes
	s.Expired += t.Expired
	s.Short += t.Short
	s.Dropped += t.Dropped
	for reason, n := range t.LeftOut {
		if s.LeftOut == nil {
			s.LeftOut = make(map[string]int64)
		}
		s.LeftOut[reason] += n
	}
}

// subtract takes away what was done before.
func (s *Stats) subtract(t Stats) {
	s.Keys -= t.Keys
	s.Expiring -= t.Expiring
	s.Elements -= t.Elements
	s.Commands -= t.Commands
	s.Bytes -= t.Bytes
	s.Expired -= t.Expired
	s.Short -= t.Short
	s.Dropped -= t.Dropped
	for reason, n := range t.LeftOut {
		if s.LeftOut[reason] -= n; s.LeftOut[reason] == 0 {
			delete(s.LeftOut, reason)
		}
	}
}

// counters is what stands behind Stats: one goroutine writes, any may read.
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

func (c *counters) snapshot() Stats {
	s := Stats{
		Keys:     c.keys.Load(),
		Expiring: c.expiring.Load(),
		Elements: c.elements.Load(),
		Commands: c.commands.Load(),
		Bytes:    c.bytes.Load(),
		Expired:  c.expired.Load(),
		Short:    c.short.Load(),
		Dropped:  c.dropped.Load(),
		LeftOut:  make(map[string]int64),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for reason, n := range c.leftOut {
		s.LeftOut[reason] = n
	}
	return s
}
