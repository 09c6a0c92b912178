package reader

import (
	"context"
	"fmt"
	"strconv"
	"sync"
)

// An identity is what the server says of itself on each connection: a run that outlasts its connections can meet another one.
type identity struct {
	mu       sync.Mutex
	version  string
	process  string // run_id and process_id: both change with each start
	uptime   int64  // in seconds, when it was last seen
	restarts int
}

func newIdentity(info map[string]string) *identity {
	i := &identity{version: info["pika_version"]}
	i.process, i.uptime = process(info)
	return i
}

// process tells one process of a server from the next. The uptime does so where both begin with the same process_id, as in a container.
func process(info map[string]string) (name string, uptime int64) {
	uptime, _ = strconv.ParseInt(info["uptime_in_seconds"], 10, 64)
	return info["run_id"] + " " + info["process_id"], uptime
}

// see takes what the server says now. One of another version is not gone on with.
func (i *identity) see(addr string, info map[string]string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if v := info["pika_version"]; v != i.version {
		return fmt.Errorf("%w: at %s there was Pika %s, and now there is %q: dump again, into another directory", ErrRefused, addr, i.version, v)
	}
	name, uptime := process(info)
	if name != i.process || uptime < i.uptime-1 { // another connection can have asked a second later
		i.restarts++
		i.process, i.uptime = name, uptime
	}
	i.uptime = max(i.uptime, uptime)
	return nil
}

// count returns how often the server was restarted.
func (i *identity) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.restarts
}

// recognize holds what the server says against what it said before.
func (c *conn) recognize(ctx context.Context) error {
	p, err := c.tryOne(ctx, "INFO", "server")
	if err != nil {
		return err
	}
	info, err := p.info()
	if err != nil {
		return err
	}
	return c.o.seen.see(c.o.Addr, info)
}

// Restarted reports whether the source was restarted since it was opened: what it then holds need not follow from what it held.
func (s *Scanner) Restarted() bool { return s.o.seen.count() > 0 }
