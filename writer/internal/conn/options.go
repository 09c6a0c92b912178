package conn

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"
)

// A Keyspace is where the keys of one source database go.
type Keyspace struct {
	// Token is a Kvrocks namespace's: AUTH with it chooses the namespace. Empty
	// for the credentials of Options.
	Token string
	// DB is sent with SELECT, for servers that have real databases.
	DB int
}

// Options say how to reach a target.
type Options struct {
	// Addr is the target's host:port.
	Addr string
	// Username is for Redis with ACLs. Kvrocks has none: leave it empty there.
	Username string
	// Password is sent with AUTH; empty for none.
	Password string
	// TLS is nil for a plain connection.
	TLS *tls.Config
	// ReadTimeout bounds the writing, and then the reading, of one whole pipeline. It is 2 minutes
	// when zero: a Kvrocks whose compaction is behind does not refuse a write, it lets it wait.
	ReadTimeout time.Duration

	// Keyspaces has one entry for each source database to be loaded, no two of them
	// the same keyspace. Nil is {0: {}}.
	Keyspaces map[int]Keyspace
}

// Checked returns o with its defaults filled in.
func (o Options) Checked() (Options, error) {
	if o.Addr == "" {
		return o, errors.New("the target has no address")
	}
	if o.Username != "" && o.Password == "" {
		return o, errors.New("a user name without a password")
	}
	if o.ReadTimeout < 0 {
		return o, errors.New("a negative timeout")
	}
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 2*time.Minute)
	if o.Keyspaces == nil {
		o.Keyspaces = map[int]Keyspace{0: {}}
	}
	return o, o.checkKeyspaces()
}

func (o *Options) checkKeyspaces() error {
	if len(o.Keyspaces) == 0 {
		return errors.New("no database has a place on the target")
	}
	taken := make(map[Keyspace]int, len(o.Keyspaces))
	for _, db := range o.Databases() {
		k := o.Keyspaces[db]
		if k.DB < 0 {
			return fmt.Errorf("database %d goes to database %d of the target", db, k.DB)
		}
		if k.Token != "" && k.DB != 0 {
			return fmt.Errorf("database %d goes to a namespace and to database %d at once", db, k.DB)
		}
		if other, ok := taken[k]; ok {
			return fmt.Errorf("databases %d and %d go to the same keyspace of the target: give each its own", other, db)
		}
		taken[k] = db
	}
	return nil
}

// Databases returns the source databases that have a keyspace, in order.
func (o *Options) Databases() []int { return slices.Sorted(maps.Keys(o.Keyspaces)) }

// MainKeyspace is where the server is asked: with the connection's own credentials, if it has any.
func (o *Options) MainKeyspace() Keyspace {
	if o.Password == "" {
		return Keyspace{Token: o.Keyspaces[o.Databases()[0]].Token}
	}
	return Keyspace{}
}

// At returns the options to connect to another node of a cluster.
func (o *Options) At(addr string) *Options {
	other := *o
	other.Addr = addr
	if o.TLS != nil && o.TLS.ServerName == hostOf(o.Addr) {
		other.TLS = o.TLS.Clone()
		other.TLS.ServerName = hostOf(addr)
	}
	return &other
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
