package writer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A cluster is what is known of a target that is one. All routes share it.
type cluster struct {
	options    *Options
	patience   time.Duration // how long a command is sent again
	redirected atomic.Int64  // commands that were sent once more

	reading chan struct{} // holds a value while the topology is read: one at a time
	mu      sync.Mutex
	now     *topology
	stale   bool   // a connection was lost since now was read
	suspect string // the node of that
}

func newCluster(o *Options, t *topology) *cluster {
	return &cluster{options: o, patience: followFor, reading: make(chan struct{}, 1), now: t}
}

func (c *cluster) topology() *topology {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// follow notes who owns slots by the MOVED of a node. A Kvrocks answers so long before CLUSTER SLOTS
// says it (SERVERS.md K14).
func (c *cluster) follow(moved map[int]string) {
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
func (c *cluster) doubt(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale, c.suspect = true, addr
}

// current returns a topology that was read after the last connection was lost.
func (c *cluster) current(ctx context.Context) (*topology, error) {
	c.mu.Lock()
	t, stale := c.now, c.stale
	c.mu.Unlock()
	if !stale {
		return t, nil
	}
	return c.refresh(ctx, t)
}

// refresh reads the topology anew, unless another route has since it was seen.
func (c *cluster) refresh(ctx context.Context, seen *topology) (*topology, error) {
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
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
	return nil, &causeError{ErrTransient, fmt.Errorf("no node of the cluster tells who owns its slots: %w", errors.Join(errs...))}
}

// seeds returns whom to ask, the one that may be dead last.
func (c *cluster) seeds(t *topology, suspect string) []string {
	var seeds []string
	for _, addr := range slices.Concat(t.masters, t.all, []string{c.options.Addr}) {
		if addr != suspect && !slices.Contains(seeds, addr) {
			seeds = append(seeds, addr)
		}
	}
	if suspect != "" {
		seeds = append(seeds, suspect)
	}
	return seeds
}

// read asks a node.
func (c *cluster) read(ctx context.Context, addr string) (*topology, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	t, err := c.options.at(addr).topologyAt(ctx)
	if err == nil && len(t.masters) == 0 {
		err = fmt.Errorf("node %s knows of no slots", addr) // it has forgotten its cluster
	}
	return t, err
}

// topologyAt asks the node at o.Addr over a connection that is then closed.
func (o *Options) topologyAt(ctx context.Context) (*topology, error) {
	n, err := o.dial(ctx, Keyspace{})
	if err != nil {
		return nil, err
	}
	defer n.Close()
	defer context.AfterFunc(ctx, n.abort)()
	return o.topology(ctx, n)
}

// at returns the options to connect to another node of the cluster.
func (o *Options) at(addr string) *Options {
	other := *o
	other.Addr = addr
	if o.TLS != nil && o.TLS.ServerName == hostOf(o.Addr) {
		other.TLS = o.TLS.Clone()
		other.TLS.ServerName = hostOf(addr)
	}
	return &other
}

// topology asks the node at the other end of c.
func (o *Options) topology(ctx context.Context, c *conn) (*topology, error) {
	reply, err := c.Do(ctx, "CLUSTER", "SLOTS").Slice()
	if text, ok := errorReply(err); ok {
		return nil, o.refusedAtStart("CLUSTER SLOTS", text)
	}
	if err != nil {
		return nil, o.connectError(err)
	}
	t, err := parseTopology(reply, o.Addr)
	if err != nil {
		return nil, preflightError("target %s answers CLUSTER SLOTS with what cannot be understood: %v", o.Addr, err)
	}
	return t, nil
}

// join reads the topology over c, and looks at every master.
func (l *Loader) join(ctx context.Context, c *conn) error {
	o := &l.options
	if err := o.oneKeyspace(); err != nil {
		return err
	}
	t, err := o.topology(ctx, c)
	if err != nil {
		return err
	}
	if slot := t.missing(); slot != noSlot {
		return preflightError("no node of the cluster of target %s serves slot %d: assign all %d", o.Addr, slot, slotCount)
	}
	for i, addr := range t.masters {
		if err := l.meet(ctx, addr, i == 0); err != nil {
			return err
		}
	}
	l.target.Addr, l.target.Nodes, l.target.Masters = o.Addr, t.ids, len(t.masters)
	l.cluster = newCluster(o, t)
	return nil
}

// meet looks at a master. The target becomes what all of them can do.
func (l *Loader) meet(ctx context.Context, addr string, first bool) error {
	o := l.options.at(addr)
	c, err := o.dial(ctx, Keyspace{})
	if err != nil {
		if addr != l.options.Addr && errors.Is(err, ErrTransient) {
			return fmt.Errorf("%w (CLUSTER SLOTS of target %s names this node: it must be reached under this address from here; see cluster-announce-ip there)", err, l.options.Addr)
		}
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.abort)()
	t, err := o.identify(ctx, c)
	if err == nil {
		err = o.examine(ctx, c, &t)
	}
	if err == nil {
		err = o.settled(ctx, c)
	}
	if err != nil {
		return err
	}
	if first {
		l.target = t
		return nil
	}
	return l.target.include(&t)
}

// include takes in another master: t becomes what both can do.
func (t *Target) include(u *Target) error {
	if u.Mode != t.Mode || u.Server != t.Server {
		return preflightError("node %s of the cluster is a %s %s, and not a %s %s like another one", u.Addr, u.Mode, u.Server, t.Mode, t.Server)
	}
	if t.isNewer(u) {
		t.Version = u.Version
	}
	t.ClockOffset = max(t.ClockOffset, u.ClockOffset) // nothing is written that is over on any of them
	t.MaxBulk, t.tellsBulk = min(t.MaxBulk, u.MaxBulk), t.tellsBulk && u.tellsBulk
	return nil
}

// oneKeyspace refuses what no cluster has.
func (o *Options) oneKeyspace() error {
	for db, p := range o.Keyspaces {
		if p != (Keyspace{}) || len(o.Keyspaces) > 1 {
			return preflightError("target %s is a cluster, which has one keyspace, no namespaces and no databases: "+
				"database %d cannot go elsewhere; load one database with --db, into the connection's own place", o.Addr, db)
		}
	}
	return nil
}
