package writer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// A route carries commands to the servers that hold their keys: over one connection, or in a cluster over one to
// each node, made when it is first needed. Of all that belong to one batch none is lost and none
// overtakes another of its key, or exec returns an error.
type route struct {
	conn    *conn    // nil in a cluster
	cluster *cluster // nil for a server that stands alone
	fence   *fence
	changes bool // what is sent may change keys
	writes  bool // a pipeline that was begun is waited for, and commands of a key must not overtake one another

	mu      sync.Mutex // of what abort needs as well
	nodes   map[string]*conn
	aborted bool
}

// route connects to the place of a source database.
func (l *Loader) route(ctx context.Context, db int, writes bool) (*route, error) {
	p, ok := l.options.Keyspaces[db]
	if !ok {
		return nil, preflightError("database %d has no place on target %s: say where its keys go", db, l.options.Addr)
	}
	if err := l.settle(ctx); err != nil {
		return nil, err
	}
	r := &route{cluster: l.cluster, fence: l.fence, changes: writes, writes: writes}
	if r.cluster != nil {
		r.nodes = map[string]*conn{}
		if _, err := r.cluster.current(ctx); err != nil {
			return nil, err
		}
		return r, nil
	}
	var err error
	if r.conn, err = r.dial(ctx, &l.options, p); err != nil {
		return nil, err
	}
	return r, nil
}

// exec sends commands and reads their replies into them. An error reply is not its error, but for those of a
// cluster that say where else a command is to go, or that it must wait: exec sees to that.
func (r *route) exec(ctx context.Context, cmds []redis.Cmder) error {
	if r.cluster != nil {
		return r.follow(ctx, cmds)
	}
	if r.writes {
		// A context that ends stops the load between two pipelines: this one's outcome is waited for.
		ctx = context.WithoutCancel(ctx)
	}
	return r.under(r.conn, func() error { return r.conn.exec(ctx, cmds) })
}

// dial connects to a server, which is then told the connection's name.
func (r *route) dial(ctx context.Context, o *Options, p Keyspace) (*conn, error) {
	c, err := o.dial(ctx, p)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, c.abort)()
	if err := r.fence.join(ctx, o, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// under does something over a connection, on which it is under way until it ends well.
func (r *route) under(c *conn, do func() error) error {
	c.pending = r.changes
	err := do()
	if err == nil {
		c.pending = false
	}
	return err
}

// exec sends commands as one pipeline. An error reply is not its error.
func (c *conn) exec(ctx context.Context, cmds []redis.Cmder) error {
	pipe := c.Pipeline()
	if err := pipe.BatchProcess(ctx, cmds...); err != nil {
		return err
	}
	_, err := pipe.Exec(ctx)
	if _, ok := errorReply(err); ok {
		return nil
	}
	return err
}

// A leg is what goes to one node.
type leg struct {
	addr string
	conn *conn
	cmds []redis.Cmder
}

// send sends hops to their nodes, each node's in their order, all nodes at once. A hop whose slot
// nobody serves is not sent.
func (r *route) send(ctx context.Context, t *topology, hops []hop) error {
	var legs []*leg
	for i := range hops {
		h := &hops[i]
		addr := h.ask
		if addr == "" {
			addr = t.node(h.slot)
		}
		if h.sentTo = addr; addr == "" {
			continue
		}
		at := slices.IndexFunc(legs, func(l *leg) bool { return l.addr == addr })
		if at < 0 {
			c, err := r.node(ctx, addr)
			if err != nil {
				return err
			}
			at = len(legs)
			legs = append(legs, &leg{addr: addr, conn: c})
		}
		if h.ask != "" {
			legs[at].cmds = append(legs[at].cmds, redis.NewCmd(ctx, "ASKING"))
		}
		legs[at].cmds = append(legs[at].cmds, h.cmd)
	}
	if r.writes {
		ctx = context.WithoutCancel(ctx)
	}
	var g errgroup.Group
	for _, l := range legs {
		g.Go(func() error {
			err := r.under(l.conn, func() error {
				err := l.conn.exec(ctx, l.cmds)
				for _, c := range l.cmds {
					if _, ok := errorReply(c.Err()); err == nil && c.Err() != nil && !ok {
						err = c.Err()
					}
				}
				return err
			})
			if err != nil {
				r.cluster.doubt(l.addr)
				return fmt.Errorf("node %s: %w", l.addr, lost(err))
			}
			return nil
		})
	}
	return g.Wait()
}

// node returns the connection to a node.
func (r *route) node(ctx context.Context, addr string) (*conn, error) {
	r.mu.Lock()
	c := r.nodes[addr]
	r.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := r.dial(ctx, r.cluster.options.at(addr), Keyspace{})
	if err != nil {
		r.cluster.doubt(addr)
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[addr] = c
	if r.aborted {
		c.abort()
	}
	return c, nil
}

// drop closes the connection to a node.
func (r *route) drop(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.nodes[addr]; c != nil {
		c.Close()
		delete(r.nodes, addr)
	}
}

// each visits the server, or every master of a cluster. Slots that moved meanwhile are an ErrTransient: keys may
// have been missed.
func (r *route) each(ctx context.Context, visit func(c *conn) error) error {
	if r.cluster == nil {
		return visit(r.conn)
	}
	before, err := r.cluster.refresh(ctx, r.cluster.topology())
	if err != nil {
		return err
	}
	for _, addr := range before.masters {
		c, err := r.node(ctx, addr)
		if err == nil {
			err = visit(c)
		}
		if err != nil {
			return err
		}
	}
	after, err := r.cluster.refresh(ctx, before)
	if err != nil {
		return err
	}
	moving := ""
	for _, addr := range before.masters {
		if c, err := r.node(ctx, addr); err != nil {
			return err
		} else if moving == "" {
			if moving, err = r.cluster.options.at(addr).movingSlots(ctx, c); err != nil {
				return err
			}
		}
	}
	if moving != "" || !before.sameOwners(after) {
		return &causeError{ErrTransient, errors.New("slots of the cluster moved while its keys were gone through: do it again when they do not")}
	}
	return nil
}

// abort closes the connections under what waits. It may be called from anywhere.
func (r *route) abort() {
	if r.conn != nil {
		r.conn.abort()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted = true
	for _, c := range r.nodes {
		c.abort()
	}
}

// Close closes the connections.
func (r *route) Close() error {
	if r.conn != nil {
		return r.conn.Close()
	}
	var errs []error
	for _, addr := range slices.Sorted(maps.Keys(r.nodes)) {
		errs = append(errs, r.nodes[addr].Close())
	}
	return errors.Join(errs...)
}
