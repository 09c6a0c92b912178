package writer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Loader loads one target. Its methods are safe for concurrent use.
type Loader struct {
	options Options
	target  Target
	spaces  map[string]int // keyspace to database
	cluster *cluster       // nil: the server stands alone
	bulk    *bulkLimit
	fence   *fence
}

// Open checks o, connects to every place once, and finds out what the server is.
// An error is an ErrAuth, an ErrPreflight, or neither.
func Open(ctx context.Context, o Options) (*Loader, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	l := &Loader{options: o, spaces: make(map[string]int, len(o.Keyspaces)), fence: newFence(Fence{})}
	for i, db := range slices.Sorted(maps.Keys(o.Keyspaces)) {
		if err := l.visit(ctx, db, i == 0); err != nil {
			return nil, err
		}
	}
	l.bulk = newBulkLimit(&l.target)
	return l, nil
}

// visit connects to the place of db and sees that no other has the same keyspace.
func (l *Loader) visit(ctx context.Context, db int, first bool) (err error) {
	o := &l.options
	p := o.Keyspaces[db]
	if first && p.DB != 0 {
		// What the server is decides how a refused SELECT reads, and a cluster takes none.
		if err := l.identify(ctx, Keyspace{}); err != nil {
			return err
		}
	}
	c, err := o.dial(ctx, p)
	if err != nil {
		if first && p.Token != "" {
			if refusal := l.identify(ctx, Keyspace{}); refusal != nil && l.target.IsCluster() {
				return refusal // it has no namespaces
			}
		}
		return err
	}
	defer context.AfterFunc(ctx, c.abort)()
	defer func() { err = errors.Join(err, c.Close()) }()
	if l.target.Server == "" {
		if err = l.recognise(ctx, c); err != nil {
			return err
		}
	}
	if p.Token != "" && l.target.Server != kvrocks {
		return preflightError("database %d goes to a namespace, but target %s is a Redis, which has none: give a database number", db, o.Addr)
	}
	info, err := c.Do(ctx, "CLIENT", "INFO").Text()
	if reply, ok := errorReply(err); ok {
		if strings.HasPrefix(reply, "NOAUTH") {
			return o.refusedAtStart("CLIENT", reply)
		}
		return nil // not allowed, or Kvrocks before 2.4: the places differ in name, that must do
	}
	if err != nil {
		return o.connectError(err)
	}
	// A server names the namespace or the database, not both.
	keyspace := clientField(info, "namespace") + "/" + clientField(info, "db")
	if keyspace == "/" {
		return nil
	}
	if other, ok := l.spaces[keyspace]; ok {
		return preflightError("databases %d and %d would go to the same keyspace of target %s: give each its own", other, db, o.Addr)
	}
	l.spaces[keyspace] = db
	return nil
}

// identify fills in the target over a connection that is then closed.
func (l *Loader) identify(ctx context.Context, p Keyspace) (err error) {
	c, err := l.options.dial(ctx, p)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.abort)()
	defer func() { err = errors.Join(err, c.Close()) }()
	return l.recognise(ctx, c)
}

// recognise fills in the target, and joins a cluster.
func (l *Loader) recognise(ctx context.Context, c *conn) (err error) {
	if l.target, err = l.options.identify(ctx, c); err != nil {
		return err
	}
	if l.target.IsCluster() {
		return l.join(ctx, c)
	}
	return l.options.examine(ctx, c, &l.target)
}

// Target returns what Open found.
func (l *Loader) Target() Target { return l.target }

// Keyspace returns the name that the target gives to the place of a source database: a namespace,
// "/" and a database. Empty when it does not tell.
func (l *Loader) Keyspace(db int) string {
	for name, of := range l.spaces {
		if of == db {
			return name
		}
	}
	return ""
}

// countStep is how many keys CountKeys asks for at a time.
const countStep = 1000

// CountKeys counts the keys at the place of a source database, up to limit, and
// says whether there are more. A limit of zero or less counts all. It goes by SCAN: the
// DBSIZE of a Kvrocks is of the last time somebody had it counted (SERVERS.md K10). Redis
// may count a key twice.
func (l *Loader) CountKeys(ctx context.Context, db, limit int) (n int, more bool, err error) {
	r, err := l.route(ctx, db, false)
	if err != nil {
		return 0, false, err
	}
	defer context.AfterFunc(ctx, r.abort)()
	defer func() { err = errors.Join(err, r.Close()) }()
	err = r.each(ctx, func(c *conn) error {
		most := limit
		if limit > 0 {
			most = max(1, limit-n)
		}
		here, err := l.count(ctx, c, most)
		if n += here; limit > 0 && n > limit {
			return errCounted
		}
		return err
	})
	if errors.Is(err, errCounted) {
		return limit, true, nil
	}
	return n, false, err
}

// errCounted ends a count.
var errCounted = errors.New("enough keys")

// count counts the keys of one server, up to limit and a few more, or with a limit of zero or less all.
func (l *Loader) count(ctx context.Context, c *conn, limit int) (n int, err error) {
	step := countStep
	if limit > 0 {
		step = min(step, limit+1)
	}
	for cursor := "0"; ; {
		// A cursor is text: Kvrocks' may be "_" and a key.
		page, err := c.Do(ctx, "SCAN", cursor, "COUNT", strconv.Itoa(step)).Slice()
		if reply, ok := errorReply(err); ok {
			return 0, l.options.refusedAtStart("SCAN", reply)
		}
		if err != nil {
			return 0, l.options.connectError(err)
		}
		if len(page) != 2 {
			return 0, preflightError("target %s answers SCAN with %d values", l.options.Addr, len(page))
		}
		next, isText := page[0].(string)
		keys, isList := page[1].([]any)
		if !isText || !isList {
			return 0, preflightError("target %s answers SCAN with %T and %T", l.options.Addr, page[0], page[1])
		}
		n += len(keys)
		if next == "0" || limit > 0 && n > limit {
			return n, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		cursor = next
	}
}

// NewWorker opens a connection for the records of a source database, or in a cluster one to each node.
func (l *Loader) NewWorker(ctx context.Context, db int) (*Worker, error) {
	r, err := l.route(ctx, db, true)
	if err != nil {
		return nil, err
	}
	return &Worker{loader: l, db: db, route: r}, nil
}

// Redirected returns how many commands the nodes of a cluster did not run and that were sent once more.
func (l *Loader) Redirected() int64 {
	if l.cluster == nil {
		return 0
	}
	return l.cluster.redirected.Load()
}

// clock returns the target's time.
func (l *Loader) clock() time.Time {
	return time.Now().Add(l.target.ClockOffset)
}
