package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// ClusterOf reads over c who owns the slots of a cluster, and refuses one that does not serve all,
// and keyspaces that no cluster has.
func ClusterOf(ctx context.Context, o *Options, c *conn.Conn) (*conn.Topology, error) {
	for db, k := range o.Keyspaces {
		if k != (Keyspace{}) || len(o.Keyspaces) > 1 {
			return nil, conn.Preflightf("target %s is a cluster, which has one keyspace, no namespaces and no databases: "+
				"database %d cannot go elsewhere; load one database with --db, into the connection's own place", o.Addr, db)
		}
	}
	t, err := conn.ReadTopology(ctx, c)
	if err != nil {
		return nil, err
	}
	if slot := t.Missing(); slot != conn.NoSlot {
		return nil, conn.Preflightf("no node of the cluster of target %s serves slot %d: assign all %d", o.Addr, slot, conn.SlotCount)
	}
	return t, nil
}

// meet looks at a master. The target becomes what all of them can do.
func (t *Target) meet(ctx context.Context, addr string, first bool) error {
	c, err := t.options.At(addr).Dial(ctx, Keyspace{})
	if err != nil {
		if addr != t.options.Addr && errors.Is(err, conn.ErrTransient) {
			return fmt.Errorf("%w (CLUSTER SLOTS of target %s names this node: it must be reached under this address from here; see cluster-announce-ip there)", err, t.options.Addr)
		}
		return err
	}
	defer c.Close()
	info, err := identify(ctx, c)
	if err == nil {
		err = info.examine(ctx, c)
	}
	if err != nil {
		return err
	}
	if first {
		t.Info = info
		return nil
	}
	return t.Info.include(&info)
}

// Settled refuses a cluster of which a node is giving a slot away, or taking one: a key that is
// written meanwhile can be lost on the way by a fault of the server (SERVERS.md K14). What begins
// later is followed.
func (t *Target) Settled(ctx context.Context) error {
	if t.cluster == nil {
		return nil
	}
	for _, addr := range t.cluster.Topology().Masters {
		c, err := t.options.At(addr).Dial(ctx, Keyspace{})
		if err != nil {
			return err
		}
		slots, err := conn.MovingSlots(ctx, c)
		if c.Close(); err == nil && slots != "" {
			err = conn.Preflightf("node %s of the cluster is moving slots (%s): wait until that is done, or end it, then try again", addr, slots)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// include takes in another master: t becomes what both can do.
func (t *Info) include(u *Info) error {
	if u.Mode != t.Mode || u.Server != t.Server {
		return conn.Preflightf("node %s of the cluster is a %s %s, and not a %s %s like another one", u.Addr, u.Mode, u.Server, t.Mode, t.Server)
	}
	if !u.AtLeast(t.version()) {
		t.Version = u.Version
	}
	t.ClockOffset = max(t.ClockOffset, u.ClockOffset) // nothing is written that is over on any of them
	t.MaxBulk, t.tellsBulk = min(t.MaxBulk, u.MaxBulk), t.tellsBulk && u.tellsBulk
	return nil
}
