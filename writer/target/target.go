// Package target opens what is loaded: a Kvrocks, a cluster of them, or a Redis 7.
//
// Begin with Open; writer.New writes to a Target, readback.New reads from it, and package admin
// changes its settings. The package never writes a key, and never shows a password or a token. Its
// errors are of the kinds of package writer: ErrAuth, ErrPreflight, ErrTransient.
package target

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
)

// Options say how to reach a target. They are checked once, by Open.
type Options = conn.Options

// A Keyspace is where the keys of one source database go.
type Keyspace = conn.Keyspace

// A Fence keeps commands on a lost connection from being run late.
type Fence = conn.Fence

// A Target is a server, or a cluster, that can be loaded. Its methods are safe for concurrent use.
type Target struct {
	Info

	options Options
	spaces  map[string]int // keyspace to database
	cluster *conn.Cluster  // nil: the server stands alone
	limit   *limit
	clock   clock
	fencer  *conn.Fencer
}

// Open checks o, connects to every keyspace once, and finds out what the server is.
func Open(ctx context.Context, o Options) (*Target, error) {
	o, err := o.Checked()
	if err != nil {
		return nil, err
	}
	t := newTarget(o)
	for i, db := range o.Databases() {
		if err := t.Visit(ctx, db, i == 0); err != nil {
			return nil, err
		}
	}
	t.limit = newLimit(&t.Info)
	t.SetClock(t.ClockOffset)
	return t, nil
}

func newTarget(o Options) *Target {
	return &Target{options: o, spaces: map[string]int{}, fencer: conn.NewFencer(Fence{})}
}

// Known returns a target of which it is known already what it is. Topology is that of a cluster,
// nil of a server that stands alone. Nothing is connected.
func Known(o Options, info Info, topology *conn.Topology) *Target {
	t := newTarget(o)
	t.SetClock(info.ClockOffset)
	if t.Info, t.limit = info, newLimit(&info); topology != nil {
		t.cluster = conn.NewCluster(&t.options, topology)
	}
	return t
}

// Visit connects to the keyspace db and sees that no other that was visited is the same. First: it
// is not known yet what the target is.
func (t *Target) Visit(ctx context.Context, db int, first bool) (err error) {
	o := &t.options
	k := o.Keyspaces[db]
	if first && k.DB != 0 {
		// What the server is decides how a refused SELECT reads, and a cluster takes none.
		if err := t.identify(ctx); err != nil {
			return err
		}
	}
	c, err := o.Dial(ctx, k)
	if err != nil {
		if first && k.Token != "" {
			if refusal := t.identify(ctx); refusal != nil && t.IsCluster() {
				return refusal // it has no namespaces
			}
		}
		return err
	}
	defer c.Close()
	if t.Server == "" {
		if err = t.recognise(ctx, c); err != nil {
			return err
		}
	}
	if k.Token != "" && t.Server != kvrocks {
		return conn.Preflightf("database %d goes to a namespace, but target %s is a Redis, which has none: give a database number", db, o.Addr)
	}
	info, err := c.Text(ctx, "CLIENT", "INFO")
	if reply, ok := conn.AsReply(err); ok {
		if strings.HasPrefix(reply, "NOAUTH") {
			return c.Refused("CLIENT", err)
		}
		return nil // not allowed, or Kvrocks before 2.4: the keyspaces differ in name, that must do
	}
	if err != nil {
		return c.Refused("CLIENT", err)
	}
	// A server names the namespace or the database, not both.
	keyspace := keyspaceOf(info)
	if keyspace == "/" {
		return nil
	}
	if other, ok := t.spaces[keyspace]; ok {
		return conn.Preflightf("databases %d and %d would go to the same keyspace of target %s: give each its own", other, db, o.Addr)
	}
	t.spaces[keyspace] = db
	return nil
}

// identify finds out what the target is over a connection that is then closed.
func (t *Target) identify(ctx context.Context) error {
	c, err := t.options.Dial(ctx, Keyspace{})
	if err != nil {
		return err
	}
	defer c.Close()
	return t.recognise(ctx, c)
}

// recognise finds out what the target is, and looks at every master of a cluster.
func (t *Target) recognise(ctx context.Context, c *conn.Conn) (err error) {
	if t.Info, err = identify(ctx, c); err != nil {
		return err
	}
	if !t.IsCluster() {
		return t.Info.examine(ctx, c)
	}
	topology, err := ClusterOf(ctx, &t.options, c)
	if err != nil {
		return err
	}
	for i, addr := range topology.Masters {
		if err := t.meet(ctx, addr, i == 0); err != nil {
			return err
		}
	}
	t.Addr, t.Nodes, t.Masters = t.options.Addr, topology.IDs, len(topology.Masters)
	t.cluster = conn.NewCluster(&t.options, topology)
	return nil
}

// Options returns how the target is reached.
func (t *Target) Options() *Options { return &t.options }

// Keyspace returns the name that the target gives to the keyspace of a source database: a
// namespace, "/" and a database. Empty when it does not tell.
func (t *Target) Keyspace(db int) string {
	for name, of := range t.spaces {
		if of == db {
			return name
		}
	}
	return ""
}

// Servers returns the addresses of all servers that are loaded: one, or the masters of a cluster.
func (t *Target) Servers() []string {
	if t.cluster != nil {
		return slices.Clone(t.cluster.Topology().Masters)
	}
	return []string{t.options.Addr}
}

// Redirected returns how many commands the nodes of a cluster did not run and that were sent once
// more.
func (t *Target) Redirected() int64 {
	if t.cluster == nil {
		return 0
	}
	return t.cluster.Redirected()
}

// Fence sets how lost connections are ended. It is called before the first Router is made.
func (t *Target) Fence(f Fence) { t.fencer = conn.NewFencer(f) }

// IsSettled reports whether all lost connections are known to be gone. It is asked when all that
// may have lost one is closed.
func (t *Target) IsSettled() bool { return t.fencer.IsSettled() }

// Unused notes that nothing was read over a connection of a Router that was closed.
func (t *Target) Unused() { t.fencer.Unused() }

// IsOne reports whether all connections to the target are open, and to the server of c.
func (t *Target) IsOne(ctx context.Context, c *conn.Conn) (bool, error) {
	return t.fencer.IsOne(ctx, c)
}

// Router connects to the keyspace of a source database. Ordered is for a worker.
func (t *Target) Router(ctx context.Context, db int, ordered bool) (*conn.Router, error) {
	k, ok := t.options.Keyspaces[db]
	if !ok {
		return nil, conn.Preflightf("database %d has no place on target %s: say where its keys go", db, t.options.Addr)
	}
	r, err := conn.NewRouter(ctx, &t.options, k, t.cluster, t.fencer, ordered)
	if space := t.Keyspace(db); err == nil && t.cluster == nil && space != "" && space[0] != '/' {
		if err = r.Each(ctx, func(c *conn.Conn) error { return t.stays(ctx, c, db, space) }); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, err
}

// stays refuses a connection that is in another keyspace than the first one was: a token may have
// been given to a namespace that others use.
func (t *Target) stays(ctx context.Context, c *conn.Conn, db int, space string) error {
	info, err := c.Text(ctx, "CLIENT", "INFO")
	if err != nil {
		return c.Refused("CLIENT", err)
	}
	return t.moved(db, space, keyspaceOf(info))
}

func (t *Target) moved(db int, was, now string) error {
	if now == was {
		return nil
	}
	return conn.Preflightf("target %s says that database %d goes to the namespace %q, and not to %q as before: "+
		"NAMESPACE GET * shows whose tokens are whose", t.Addr, db, strings.TrimSuffix(now, "/"), strings.TrimSuffix(was, "/"))
}

// Again refuses a target that was opened once more and has other keyspaces than before.
func (t *Target) Again(before *Target) error {
	for space, db := range before.spaces {
		if err := t.moved(db, space, t.Keyspace(db)); err != nil {
			return err
		}
	}
	return nil
}

// keyspaceOf returns the name of a connection's keyspace; "/" if it is not told.
func keyspaceOf(info string) string {
	return conn.ClientField(info, "namespace") + "/" + conn.ClientField(info, "db")
}

// ProbePrefix begins the names of keys by which a preflight check tries a target.
const ProbePrefix = "kvload-probe-"

// Count counts the keys in the keyspaces of source databases, up to limit, and says whether there
// are more. Probes of a run that was killed are none: they expire soon. A limit of zero or less
// counts all. It goes by SCAN: the DBSIZE of a Kvrocks is of the last time somebody had it counted
// (SERVERS.md K10). Redis may count a key twice.
func (t *Target) Count(ctx context.Context, limit int, dbs ...int) (n int, more bool, err error) {
	step := conn.ScanStep
	if limit > 0 {
		step = min(step, limit+1)
	}
	for _, db := range dbs {
		r, err := t.Router(ctx, db, false)
		if err != nil {
			return 0, false, err
		}
		err = r.Each(ctx, func(c *conn.Conn) error {
			return c.Scan(ctx, step, func(names []string) error {
				for _, name := range names {
					if !strings.HasPrefix(name, ProbePrefix) {
						n++
					}
				}
				if limit > 0 && n > limit {
					return errCounted
				}
				return nil
			})
		})
		r.Close()
		if errors.Is(err, errCounted) {
			return limit, true, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
	return n, false, nil
}

// errCounted ends a count.
var errCounted = errors.New("enough keys")
