package writer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Need is what a load wants of its target.
type Need struct {
	Raw         int64         // bytes of the records that are to be loaded, as the dump has them
	Types       []format.Type // that are to be loaded
	Expiring    int64         // keys with an expiry
	Connections int           // at once
	// Partly says that Raw is more than will be written: an unknown part of it is on the target already, or is
	// left out by name.
	Partly bool
	// SourceAhead is how far the source's clock was ahead of the host that dumped it: expiries are
	// times of that clock.
	SourceAhead time.Duration
	// Dumped is when the dump was finished, by the clock of the host that dumped.
	Dumped time.Time
	// Create names the namespace of each database that is to be made if its token is unknown.
	Create map[int]string
	Tune   bool // settings of the target are to be changed for the load
	// Accept names checks that only warn where they would fail; each is one of Acceptable.
	Accept []string
}

// Facts are what a target says of itself before a load. Nothing is written to find them out.
type Facts struct {
	Target  Target
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
	keys    int  // that the places hold, up to the limit of Count or a little above
	more    bool // there are more

	loader   *Loader   // nil if Refusal is not
	topology *topology // nil: it stands alone
	members  []member  // the masters of a cluster
}

// KeyspaceFacts tell of the place of one database.
type KeyspaceFacts struct {
	DB      int
	Token   bool  // it is a namespace, by its token
	Err     error // why it cannot be loaded into; nil if it can
	Missing bool  // its namespace can be made
}

// Inspect asks the target of o what Checks judges. An error means that it cannot be asked at all: it is an
// ErrAuth, an ErrTransient, an ErrPreflight, or none of them.
func Inspect(ctx context.Context, o Options, need Need) (f *Facts, err error) {
	if o, err = o.checked(); err != nil {
		return nil, err
	}
	f, err = o.inspectAt(ctx, o.mainKeyspace(), &need)
	if errors.Is(err, ErrAuth) && o.mainKeyspace() != (Keyspace{}) {
		// One that has no namespaces says so best when it is asked without a token.
		if bare, bareErr := o.inspectAt(ctx, Keyspace{}, &need); bareErr == nil {
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
func (o *Options) inspectAt(ctx context.Context, p Keyspace, need *Need) (f *Facts, err error) {
	c, err := o.dial(ctx, p)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, c.abort)()
	defer func() { err = errors.Join(err, c.Close()) }()
	return o.inspect(ctx, c, need)
}

// inspect asks the server at the other end of c, which may be of no more use then.
func (o *Options) inspect(ctx context.Context, c *conn, need *Need) (*Facts, error) {
	f := &Facts{Sections: map[string]map[string]string{}}
	server, err := o.info(ctx, c, "server")
	if err != nil {
		return nil, err
	}
	if f.Target, f.Refusal = o.recognise(server); f.Refusal != nil {
		return f, nil // what it would answer to the rest says nothing
	}
	if err := f.ask(ctx, o, c, need); err != nil {
		return nil, err
	}
	return f, f.probe(ctx, o, c, need)
}

// mainKeyspace is where the server is asked: with the connection's own credentials, if it has any.
func (o *Options) mainKeyspace() Keyspace {
	if o.Password == "" {
		return Keyspace{Token: o.Keyspaces[slices.Min(slices.Collect(maps.Keys(o.Keyspaces)))].Token}
	}
	return Keyspace{}
}

// ask reads INFO, TIME and, to see that it may, a setting.
func (f *Facts) ask(ctx context.Context, o *Options, c *conn, need *Need) (err error) {
	if f.Replication, err = o.info(ctx, c, "replication"); err != nil {
		return err
	}
	persistence, err := o.info(ctx, c, "persistence")
	if err != nil {
		return err
	}
	f.Loading = persistence["loading"] == "1"
	for _, section := range []string{"clients", "memory", "keyspace"} {
		fields, err := o.info(ctx, c, section)
		if err == nil {
			f.Sections[section] = fields
		} else if errors.As(err, new(*connectError)) {
			return err
		}
	}
	if f.Target.ClockOffset, err = o.clockOffset(ctx, c); err != nil || !need.Tune || f.Target.Server != kvrocks {
		return err
	}
	err = c.Do(ctx, "CONFIG", "GET", "log-level").Err()
	if reply, ok := errorReply(err); ok {
		f.NoTuning, err = reply, nil
	}
	if err != nil {
		return o.connectError(err)
	}
	return nil
}

// number returns a field of INFO that is a number of 0 or more.
func (f *Facts) number(section, field string) (int64, bool) {
	n, err := strconv.ParseInt(f.Sections[section][field], 10, 64)
	return n, err == nil && n >= 0
}

// probeKey is the name that commands are tried with: random, so that it is nobody's.
func probeKey() string { return "kvload-probe-" + rand.Text() }

// needed returns the commands of a load, with arguments that a server which parses them takes.
func (need *Need) needed(key string, now time.Time) [][]any {
	at := now.Add(time.Hour).UnixMilli()
	list := [][]any{{"DEL", key}}
	for _, t := range need.Types {
		switch t {
		case format.TypeString:
			list = append(list, []any{"SET", key, "v", "PXAT", at}, []any{"MSET", key, "v"}, []any{"APPEND", key, "v"}, []any{"STRLEN", key})
		case format.TypeHash:
			list = append(list, []any{"HSET", key, "f", "v"}, []any{"HLEN", key})
		case format.TypeList:
			list = append(list, []any{"RPUSH", key, "v"}, []any{"LLEN", key})
		case format.TypeSet:
			list = append(list, []any{"SADD", key, "v"}, []any{"SCARD", key})
		case format.TypeZset:
			list = append(list, []any{"ZADD", key, "1", "v"}, []any{"ZCARD", key})
		case format.TypeStream:
			list = append(list, []any{"XADD", key, "1-1", "f", "v"}, []any{"XSETID", key, "1-1", "ENTRIESADDED", "1", "MAXDELETEDID", "0-0"},
				[]any{"XLEN", key}, []any{"XREVRANGE", key, "+", "-", "COUNT", "1"})
		}
	}
	if need.Expiring > 0 {
		list = append(list, []any{"PEXPIREAT", key, at})
	}
	return list
}

// probe has each command of the load queued behind a MULTI, and discards them all: the server looks up its
// name, the right to it and, if it is a Kvrocks, its arguments, and runs none (SERVERS.md K15). The commands
// are sent only when a PING was queued.
func (f *Facts) probe(ctx context.Context, o *Options, c *conn, need *Need) error {
	key := probeKey()
	first, err := o.pipeline(ctx, c, [][]any{{"MULTI"}, {"PING"}})
	if err != nil {
		return err
	}
	if first[0].err != "" || first[1].text != "QUEUED" {
		f.NoProbe = cmp.Or(first[0].err, first[1].err, "PING behind MULTI is answered, not queued")
		return nil // the connection is not used again
	}
	list := need.needed(key, time.Now())
	if o.OnExists == Skip {
		list = append(list, []any{"EXISTS", key})
	}
	rest, err := o.pipeline(ctx, c, append(list, []any{"DISCARD"}))
	if err != nil {
		return err
	}
	if discard := rest[len(rest)-1]; discard.err != "" {
		return preflightError("target %s answers DISCARD with %s", o.Addr, discard.err)
	}
	f.Probed, f.Refused = len(list), map[string]string{}
	for i, answer := range rest[:len(rest)-1] {
		if answer.err != "" && !isKnown(answer.err) {
			f.Refused[fmt.Sprint(list[i][0])] = answer.err
		}
	}
	return nil
}

// A shortReply is a status, or an error that the server answered.
type shortReply struct{ text, err string }

// pipeline sends commands whose replies are short.
func (o *Options) pipeline(ctx context.Context, c *conn, list [][]any) ([]shortReply, error) {
	p := c.Pipeline()
	cmds := make([]*redis.Cmd, len(list))
	for i, args := range list {
		cmds[i] = p.Do(ctx, args...)
	}
	if _, err := p.Exec(ctx); err != nil {
		if _, ok := errorReply(err); !ok {
			return nil, o.connectError(err)
		}
	}
	answers := make([]shortReply, len(cmds))
	for i, cmd := range cmds {
		if reply, ok := errorReply(cmd.Err()); ok {
			answers[i].err = reply
		} else {
			answers[i].text = fmt.Sprint(cmd.Val())
		}
	}
	return answers, nil
}

// isKnown reports whether an error reply to a command behind MULTI says that the server knows it: it is not
// for transactions, or the key is another node's.
func isKnown(reply string) bool {
	reply = strings.TrimPrefix(reply, "ERR ") // Kvrocks 2.6 (SERVERS.md K12)
	for _, begin := range []string{"Can't execute", "MOVED ", "CLUSTERDOWN", "TRYAGAIN"} {
		if strings.HasPrefix(reply, begin) {
			return true
		}
	}
	return false
}

// visit looks at every place, by a connection of its own.
func (f *Facts) visit(ctx context.Context, o *Options, need *Need) error {
	l := &Loader{options: *o, target: f.Target, spaces: map[string]int{}, fence: newFence(Fence{})}
	if f.topology != nil {
		l.cluster = newCluster(o, f.topology)
	}
	for _, db := range slices.Sorted(maps.Keys(o.Keyspaces)) {
		at := KeyspaceFacts{DB: db, Token: o.Keyspaces[db].Token != "", Err: l.visit(ctx, db, false)}
		switch {
		case at.Err == nil:
		case errors.Is(at.Err, ErrAuth) && at.Token && need.Create[db] != "":
			if at.Err = l.canCreate(ctx, need.Create[db]); at.Err == nil {
				at.Missing = true
			} else if !isRefusal(at.Err) {
				return at.Err
			}
		case !isRefusal(at.Err):
			return at.Err
		}
		f.Keyspaces = append(f.Keyspaces, at)
	}
	f.loader = l
	return nil
}

// Count counts the keys that the places hold, up to limit or a little above, for a load that needs them to be empty. It is called
// before Checks.
func (f *Facts) Count(ctx context.Context, limit int) error {
	if f.Refusal != nil || f.moving() {
		return nil
	}
	f.counted = true
	for _, p := range f.Keyspaces {
		if p.Err != nil || p.Missing || f.more || f.keys >= limit {
			continue
		}
		n, more, err := f.loader.CountKeys(ctx, p.DB, limit)
		if err != nil {
			return err
		}
		f.keys, f.more = f.keys+n, more
	}
	return nil
}

// isRefusal reports whether err is a check that failed, and not a connection that did.
func isRefusal(err error) bool { return errors.Is(err, ErrAuth) || errors.Is(err, ErrPreflight) }
