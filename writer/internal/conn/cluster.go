package conn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// A Cluster is what is known of a target that is one. All routers share it.
type Cluster struct {
	options    *Options
	patience   time.Duration // how long a command is sent again
	redirected atomic.Int64  // commands that were sent once more

	reading *semaphore.Weighted // of 1: the topology is read by one at a time
	mu      sync.Mutex
	now     *Topology
	stale   bool   // a connection was lost since now was read
	suspect string // the node of that
}

// NewCluster returns a cluster of that topology.
func NewCluster(o *Options, t *Topology) *Cluster {
	return &Cluster{options: o, patience: followFor, reading: semaphore.NewWeighted(1), now: t}
}

// Topology returns who owns the slots, as far as is known.
func (c *Cluster) Topology() *Topology {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// follow notes who owns slots by the MOVED of a node. A Kvrocks answers so long before CLUSTER
// SLOTS says it (SERVERS.md K14).
func (c *Cluster) follow(moved map[int]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for slot, addr := range moved {
		if c.now.node(slot) == addr {
			delete(moved, slot)
		}
	}
	if len(moved) > 0 {
		c.now = c.now.with(moved)
	}
}

// doubt notes that the connection to a node was lost.
func (c *Cluster) doubt(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale, c.suspect = true, addr
}

// current returns a topology that was read after the last connection was lost.
func (c *Cluster) current(ctx context.Context) (*Topology, error) {
	c.mu.Lock()
	t, stale := c.now, c.stale
	c.mu.Unlock()
	if !stale {
		return t, nil
	}
	return c.refresh(ctx, t)
}

// refresh reads the topology anew, unless another router has since it was seen.
func (c *Cluster) refresh(ctx context.Context, seen *Topology) (*Topology, error) {
	if c.reading.Acquire(ctx, 1) != nil {
		return nil, context.Cause(ctx)
	}
	defer c.reading.Release(1)
	c.mu.Lock()
	t, suspect := c.now, c.suspect
	known := t != seen && !c.stale
	c.mu.Unlock()
	if known {
		return t, nil
	}
	var errs []error
	for _, addr := range c.seeds(t, suspect) {
		fresh, err := c.read(ctx, addr)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.now, c.stale = fresh, false
			return fresh, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		errs = append(errs, err)
	}
	return nil, Mark(ErrTransient, fmt.Errorf("no node of the cluster tells who owns its slots: %w", errors.Join(errs...)))
}

// seeds returns whom to ask, the one that may be dead last.
func (c *Cluster) seeds(t *Topology, suspect string) []string {
	var seeds []string
	for _, addr := range slices.Concat(t.Masters, t.all, []string{c.options.Addr}) {
		if addr != suspect && !slices.Contains(seeds, addr) {
			seeds = append(seeds, addr)
		}
	}
	if suspect != "" {
		seeds = append(seeds, suspect)
	}
	return seeds
}

// read asks a node, over a connection that is then closed.
func (c *Cluster) read(ctx context.Context, addr string) (*Topology, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	n, err := c.options.At(addr).Dial(ctx, Keyspace{})
	if err != nil {
		return nil, err
	}
	defer n.Close()
	t, err := ReadTopology(ctx, n)
	if err == nil && len(t.Masters) == 0 {
		err = fmt.Errorf("node %s knows of no slots", addr) // it has forgotten its cluster
	}
	return t, err
}

// Redirected returns how many commands were sent once more, for the nodes had not run them.
func (c *Cluster) Redirected() int64 { return c.redirected.Load() }
