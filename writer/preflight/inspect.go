// Package preflight looks at a target before a load, and judges what it finds by what the load
// needs.
//
// Begin with Inspect, which asks the server, and Facts.Checks, which judges. Nothing is written,
// but by CreateNamespaces, and by Probe, which deletes it again. The package never shows a password
// or a token.
package preflight

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Need is what a load wants of its target.
type Need struct {
	Raw         int64         // bytes of the records that are to be loaded, as the dump has them
	Types       []format.Type // that are to be loaded
	Expiring    int64         // keys with an expiry
	Connections int           // at once
	// Partly says that Raw is more than will be written: an unknown part of it is on the target
	// already, or is left out by name.
	Partly bool
	// SourceAhead is how far the source's clock was ahead of the host that dumped it: expiries are
	// times of that clock.
	SourceAhead time.Duration
	// Dumped is when the dump was finished, by the clock of the host that dumped.
	Dumped time.Time
	// Create names the namespace of each database that is to be made if its token is unknown.
	Create map[int]string
	Skip   bool // keys that the target holds are left as they are
	Tune   bool // settings of the target are to be changed for the load
	// Accept names checks that only warn where they would fail; each is one of Acceptable.
	Accept []string
}

// Facts are what a target says of itself before a load. Nothing is written to find them out.
type Facts struct {
	Target  target.Info
	Refusal error // why the server is none that can be loaded; nil if it is one

	Replication map[string]string // INFO replication
	Loading     bool
	Sections    map[string]map[string]string // INFO clients, memory, keyspace, as far as they are told

	Probed  int               // commands that were tried
	Refused map[string]string // those that the target does not know or allow, and its reply
	NoProbe string            // why none could be tried

	NoTuning string // why settings cannot be changed; empty if they can, or need not

	Keyspaces []KeyspaceFacts // in order of DB; nil if Refusal is not

	counted bool
	keys    int  // that the places hold, up to the limit of Count
	more    bool // there are more

	target   *target.Target // nil if Refusal is not
	topology *conn.Topology // nil: it stands alone
	members  []member       // the masters of a cluster
}

// KeyspaceFacts tell of the place of one database.
type KeyspaceFacts struct {
	DB      int
	Token   bool  // it is a namespace, by its token
	Err     error // why it cannot be loaded into; nil if it can
	Missing bool  // its namespace can be made
}

// Inspect asks the target of o what Checks judges. An error means that it cannot be asked at all:
// it is an conn.ErrAuth, an conn.ErrTransient, an conn.ErrPreflight, or none of them.
func Inspect(ctx context.Context, o target.Options, need Need) (f *Facts, err error) {
	if o, err = o.Checked(); err != nil {
		return nil, err
	}
	f, err = inspectAt(ctx, &o, o.MainKeyspace(), &need)
	if errors.Is(err, conn.ErrAuth) && o.MainKeyspace() != (target.Keyspace{}) {
		// One that has no namespaces says so best when it is asked without a token.
		if bare, bareErr := inspectAt(ctx, &o, target.Keyspace{}, &need); bareErr == nil {
			f, err = bare, nil
		}
	}
	if err == nil && f.Refusal == nil && f.Target.IsCluster() {
		err = f.askMembers(ctx, &o, &need)
	}
	if err != nil || f.Refusal != nil {
		return f, err
	}
	return f, f.visit(ctx, &o, &need)
}

// inspectAt asks the server over a connection of its own.
func inspectAt(ctx context.Context, o *target.Options, k target.Keyspace, need *Need) (*Facts, error) {
	c, err := o.Dial(ctx, k)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return inspect(ctx, c, need)
}

// inspect asks the server at the other end of c, which may be of no more use then.
func inspect(ctx context.Context, c *conn.Conn, need *Need) (*Facts, error) {
	f := &Facts{Sections: map[string]map[string]string{}}
	server, err := c.Info(ctx, "server")
	if err != nil {
		return nil, err
	}
	if f.Target, f.Refusal = target.Recognise(c.Addr(), server); f.Refusal != nil {
		return f, nil // what it would answer to the rest says nothing
	}
	if err := f.ask(ctx, c, need); err != nil {
		return nil, err
	}
	return f, f.probe(ctx, c, need)
}

// ask reads INFO, TIME and, to see that it may, a setting.
func (f *Facts) ask(ctx context.Context, c *conn.Conn, need *Need) (err error) {
	if f.Replication, err = c.Info(ctx, "replication"); err != nil {
		return err
	}
	persistence, err := c.Info(ctx, "persistence")
	if err != nil {
		return err
	}
	f.Loading = persistence["loading"] == "1"
	for _, section := range []string{"clients", "memory", "keyspace"} {
		fields, err := c.Info(ctx, section)
		if err == nil {
			f.Sections[section] = fields
		} else if conn.IsLost(err) {
			return err
		}
	}
	if f.Target.ClockOffset, err = target.ClockOffset(ctx, c); err != nil || !need.Tune || !f.Target.IsKvrocks() {
		return err
	}
	_, err = c.Do(ctx, "CONFIG", "GET", "log-level")
	if reply, ok := conn.AsReply(err); ok {
		f.NoTuning, err = reply, nil
	}
	if err != nil {
		return c.Refused("CONFIG", err)
	}
	return nil
}

// number returns a field of INFO that is a number of 0 or more.
func (f *Facts) number(section, field string) (int64, bool) {
	n, err := strconv.ParseInt(f.Sections[section][field], 10, 64)
	return n, err == nil && n >= 0
}

// visit looks at every keyspace, by a connection of its own.
func (f *Facts) visit(ctx context.Context, o *target.Options, need *Need) error {
	t := target.Known(*o, f.Target, f.topology)
	for _, db := range o.Databases() {
		at := KeyspaceFacts{DB: db, Token: o.Keyspaces[db].Token != "", Err: t.Visit(ctx, db, false)}
		switch {
		case at.Err == nil:
		case errors.Is(at.Err, conn.ErrAuth) && at.Token && need.Create[db] != "":
			if at.Err = canCreate(ctx, o, need.Create[db]); at.Err == nil {
				at.Missing = true
			} else if !isRefusal(at.Err) {
				return at.Err
			}
		case !isRefusal(at.Err):
			return at.Err
		}
		f.Keyspaces = append(f.Keyspaces, at)
	}
	f.target = t
	return nil
}

// Keyspace returns what the target calls the keyspace of a database that was visited; empty if it
// does not tell.
func (f *Facts) Keyspace(db int) string { return f.target.Keyspace(db) }

// Count counts the keys that the keyspaces hold, up to limit, for a load that needs them to be
// empty. It is called before Checks.
func (f *Facts) Count(ctx context.Context, limit int) (err error) {
	moving := slices.ContainsFunc(f.members, func(m member) bool { return m.moving != "" })
	if f.Refusal != nil || moving { // while slots move, keys cannot be counted
		return nil
	}
	var dbs []int
	for _, p := range f.Keyspaces {
		if p.Err == nil && !p.Missing {
			dbs = append(dbs, p.DB)
		}
	}
	f.counted = true
	f.keys, f.more, err = f.target.Count(ctx, limit, dbs...)
	return err
}

// isRefusal reports whether err is a check that failed, and not a connection that did.
func isRefusal(err error) bool {
	return errors.Is(err, conn.ErrAuth) || errors.Is(err, conn.ErrPreflight)
}
