package conn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Router carries commands to the servers that hold their keys: over one connection, or in a
// cluster over one to each node, made when it is first needed. Of all that belong to one pipeline
// none is lost and none overtakes another of its key, or Exchange returns an error.
type Router struct {
	// Limit is the most bytes that the replies to one pipeline of a server may have; more are a
	// resp.ErrTooLarge. Zero is far above what is asked for.
	Limit int64

	conn    *Conn    // nil in a cluster
	cluster *Cluster // nil for a server that stands alone
	fencer  *Fencer
	changes bool // what is sent may change keys
	ordered bool // commands of a key must not overtake one another

	mu      sync.Mutex       // of what Abort needs as well
	nodes   map[string]*Conn // by address; of a server that stands alone conn
	aborted bool
}

// NewRouter connects to a keyspace, and waits until all that was lost before is gone from its
// servers. A
// router for a worker sends commands that must not overtake one another, and begun ones are waited
// for when the context ends.
func NewRouter(ctx context.Context, o *Options, k Keyspace, cluster *Cluster, f *Fencer, ordered bool) (*Router, error) {
	r := &Router{cluster: cluster, fencer: f, changes: ordered, ordered: ordered, nodes: map[string]*Conn{}}
	var err error
	if cluster != nil {
		if _, err = cluster.current(ctx); err == nil {
			err = f.survey(ctx, cluster)
		}
	} else if r.conn, err = r.dial(ctx, o, k); err == nil {
		r.nodes[o.Addr] = r.conn
	}
	if err != nil {
		return nil, err
	}
	// It has its name by now: of two runs that begin at once one at least sees the other.
	if err := f.Settle(ctx, o, cluster); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Changes says whether what is sent from now on may change keys: when a connection is lost under
// it, it must be gone from its server before anything is sent again.
func (r *Router) Changes(may bool) { r.changes = may }

// dial connects to a server, which is then told the connection's name.
func (r *Router) dial(ctx context.Context, o *Options, k Keyspace) (*Conn, error) {
	c, err := o.Dial(ctx, k)
	if err != nil {
		return nil, err
	}
	c.clustered = r.cluster != nil
	if err := r.fencer.join(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Exchange sends calls whose requests are in e, and reads the replies into them. An error reply is
// not its error, but for those of a cluster that say where else a command is to go, or that it must
// wait: Exchange sees to that. With an error, failed is the call at which it happened; those before
// it have replies if they stand alone. The context does not end what was begun, but Abort does.
func (r *Router) Exchange(ctx context.Context, e *resp.Encoder, n int, call func(i int) *Call) (failed int, err error) {
	if r.cluster != nil {
		return r.follow(ctx, e, n, call)
	}
	answered, info := 0, e.Request("INFO", "replication")
	r.reset(r.conn)
	err = r.Under(r.conn, func() (err error) {
		answered, err = r.exchange(r.conn, e, info, n, call)
		return err
	})
	return min(answered, n-1), err
}

// reset forgets the replies that came over c.
func (r *Router) reset(c *Conn) {
	c.replies.Limit = r.Limit
	c.replies.Reset()
}

// Under does something over a connection, on which it is under way until it ends well.
func (r *Router) Under(c *Conn, do func() error) error {
	c.pending = r.changes
	err := do()
	if err == nil {
		c.pending = false
	}
	return err
}

// A nodeBatch is what goes to one node, in order.
type nodeBatch struct {
	conn  *Conn
	calls []*Call
	hops  []int // of the calls; -1 of an ASKING
}

// send sends hops to their nodes, each node's in their order, all nodes at once. A hop whose slot
// nobody serves is not sent.
func (r *Router) send(ctx context.Context, t *Topology, e *resp.Encoder, hops []hop) error {
	var batches []*nodeBatch
	for i := range hops {
		h := &hops[i]
		addr := cmp.Or(h.ask, t.node(h.slot))
		if h.sentTo = addr; addr == "" {
			continue
		}
		at := slices.IndexFunc(batches, func(b *nodeBatch) bool { return b.conn.addr == addr })
		if at < 0 {
			c, err := r.node(ctx, addr)
			if err != nil {
				return err
			}
			at = len(batches)
			batches = append(batches, &nodeBatch{conn: c})
		}
		b := batches[at]
		if h.ask != "" {
			b.calls, b.hops = append(b.calls, &Call{Request: e.Request("ASKING")}), append(b.hops, h.index)
		}
		b.calls, b.hops = append(b.calls, h.call), append(b.hops, h.index)
	}
	var g errgroup.Group
	info := e.Request("INFO", "replication")
	for _, b := range batches {
		g.Go(func() error {
			answered := 0
			err := r.Under(b.conn, func() (err error) {
				answered, err = r.exchange(b.conn, e, info, len(b.calls), func(i int) *Call { return b.calls[i] })
				return err
			})
			if err != nil {
				r.cluster.doubt(b.conn.addr)
				return &hopError{fmt.Errorf("node %s: %w", b.conn.addr, Lost(err)), b.hops[min(answered, len(b.hops)-1)]}
			}
			return nil
		})
	}
	return g.Wait()
}

func (r *Router) node(ctx context.Context, addr string) (*Conn, error) {
	r.mu.Lock()
	c := r.nodes[addr]
	r.mu.Unlock()
	if c != nil {
		return c, nil
	}
	if err := r.fencer.survey(ctx, r.cluster); err != nil { // it may have taken the place of another
		return nil, err
	}
	c, err := r.dial(ctx, r.cluster.options.At(addr), Keyspace{})
	if err != nil {
		r.cluster.doubt(addr)
		return nil, err
	}
	r.reset(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[addr] = c
	if r.aborted {
		c.Abort()
	}
	return c, nil
}

func (r *Router) drop(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.nodes[addr]; c != nil {
		c.Close()
		delete(r.nodes, addr)
	}
}

// Each visits the server, or every master of a cluster. Slots that moved meanwhile are an
// ErrTransient: keys may have been missed.
func (r *Router) Each(ctx context.Context, visit func(c *Conn) error) error {
	if r.cluster == nil {
		return visit(r.conn)
	}
	before, err := r.cluster.refresh(ctx, r.cluster.Topology())
	if err != nil {
		return err
	}
	for _, addr := range before.Masters {
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
	for _, addr := range before.Masters {
		if c, err := r.node(ctx, addr); err != nil {
			return err
		} else if moving == "" {
			if moving, err = MovingSlots(ctx, c); err != nil {
				return err
			}
		}
	}
	if moving != "" || !before.sameOwners(after) {
		return Mark(ErrTransient, errors.New("slots of the cluster moved while its keys were gone through: do it again when they do not"))
	}
	return nil
}

// Abort closes the connections under what waits. It may be called from anywhere.
func (r *Router) Abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aborted = true
	for _, c := range r.nodes {
		c.Abort()
	}
}

// Close closes the connections.
func (r *Router) Close() {
	for _, c := range r.nodes {
		c.Close()
	}
}
