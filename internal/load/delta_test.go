package load

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A chain is a base with deltas, in a test.
type chain struct {
	*testing.T
	m    *miniredis.Miniredis
	base Options
	dir  string
	last string // the member, or base, that was made last
	n    int
}

func newChain(t *testing.T, records ...format.Record) *chain {
	t.Helper()
	m := startTarget(t)
	slices.SortStableFunc(records, func(x, y format.Record) int { return bytes.Compare(x.Key, y.Key) })
	o := options(t, m.Addr(), records)
	return &chain{T: t, m: m, base: o, dir: filepath.Join(t.TempDir(), "chain"), last: o.Dump}
}

// delta makes the next delta, and returns the options of its load.
func (c *chain) delta(records ...format.Record) Options {
	c.Helper()
	c.n++
	o := c.base
	o.Base, o.Dump = c.base.Dump, filepath.Join(c.dir, fmt.Sprintf("%06d", c.n))
	slices.SortStableFunc(records, func(x, y format.Record) int { return bytes.Compare(x.Key, y.Key) })
	smalldump.Delta(c.T, o.Dump, c.last, records)
	c.last = o.Dump
	return o
}

// load loads, and wants it to end so.
func (c *chain) load(o Options, code int, says ...string) string {
	c.Helper()
	log, err := run(c.T, o)
	wants(c.T, log, err, code, says...)
	return log
}

// holds checks names and types of the target.
func (c *chain) holds(want string) {
	c.Helper()
	var got []string
	for _, k := range c.m.Keys() {
		got = append(got, k+"="+c.m.Type(k))
	}
	slices.Sort(got)
	if all := strings.Join(got, " "); all != want {
		c.Errorf("the target holds %s, want %s", all, want)
	}
}

func list(key string, elems ...string) format.Record {
	r := smalldump.Hash(key, elems...)
	r.Kind = format.List
	return r
}

// TestDelta: a delta replaces and deletes, changes nothing when it is loaded again, and takes
// nothing from names that it does not hold.
func TestDelta(t *testing.T) {
	c := newChain(t, smalldump.String("a", "1"), smalldump.String("b", "2"), smalldump.Hash("h", "f", "v"), list("l", "x", "y"), smalldump.String("stays", "1"))
	d := c.delta(smalldump.Deleted("a"), list("b", "now", "a", "list"), smalldump.Deleted("h"), list("l", "z"), smalldump.String("new", "1"))
	c.load(d, 5, "holds no journal", "kvload load --uri redis://"+c.m.Addr(), "--in "+c.base.Dump)
	c.load(c.base, 0)
	c.m.Set("other", "of somebody else")
	for _, says := range []string{"2 keys of the target that are gone", "loaded 3 keys"} {
		c.load(d, 0, says)
		c.holds("b=list l=list new=string other=string stays=string")
		if l, _ := c.m.List("l"); len(l) != 1 {
			t.Errorf("the list is %v", l)
		}
	}
	d.Resume = true
	c.load(d, 0, "nothing is sent")
}

// TestDeltaOrder: a delta is loaded behind the one before, as that was loaded, and not before or
// after its turn.
func TestDeltaOrder(t *testing.T) {
	c := newChain(t, smalldump.String("a", "1"))
	c.load(c.base, 0)
	one, two := c.delta(smalldump.String("a", "2")), c.delta(smalldump.String("a", "3"))
	c.load(two, 5, "follows delta 1")
	other := one
	other.Rewrite.Prefix.Add = []byte("p:")
	c.load(other, 5, "--key-prefix-add", "a delta is loaded as its base was")
	other = one
	other.Shard.Of = 2
	c.load(other, 5, "leave --shard out")
	other = one
	other.Target.OnExists = writer.Skip
	c.load(other, 5, "a delta replaces")
	other = one
	other.Base = ""
	c.load(other, 5, "say with --base")
	other.BaseLoaded = true
	c.load(other, 0, "no journal says")
	c.load(two, 0)
	c.load(one, 5, "delta 2", "was loaded behind this one")
	if v, _ := c.m.Get("a"); v != "3" {
		t.Errorf("a is %s", v)
	}
}

// TestDeltaBase: a base that was not loaded to its end, was undone, or is gone from the target is
// none.
func TestDeltaBase(t *testing.T) {
	c := newChain(t, three...)
	answer(c.m, "HSET", func(p *server.Peer, _ []string) bool {
		p.WriteError("ERR IO error: No space left on device")
		return true
	})
	c.load(c.base, 75)
	d := c.delta(smalldump.String("a", "2"))
	c.load(d, 75, "is not finished", "--resume")
	c.m.Server().SetPreHook(minitarget.Hook())
	c.base.Resume = true
	c.load(c.base, 0)
	c.m.FlushAll()
	c.load(d, 5, "was it emptied?")
	c.holds("")
}

// TestDeltaConflicts: names that exist under several types get and lose their suffix, a key of a
// name like that is not lost, and one name is not given twice.
func TestDeltaConflicts(t *testing.T) {
	c := newChain(t, smalldump.Hash("both", "f", "v"), smalldump.String("both", "1"), smalldump.Hash("was", "f", "v"), smalldump.String("was", "1"),
		smalldump.String("one", "1"), smalldump.Hash("own:hash", "f", "v"), smalldump.String("own", "1"))
	c.base.Rewrite.Conflict = rewrite.Suffix
	c.load(c.base, 0)
	c.holds("both:hash=hash both=string one=string own:hash=hash own=string was:hash=hash was=string")
	d := c.delta(smalldump.Hash("one", "f", "v"), smalldump.String("one", "1"), // another type came
		smalldump.Deleted("own"),        // own:hash is a key of its own
		smalldump.Hash("was", "f", "w")) // only one is left
	c.load(d, 0)
	c.holds("both:hash=hash both=string one:hash=hash one=string own:hash=hash was=hash")
	d = c.delta(smalldump.Deleted("both"), smalldump.Deleted("one"), smalldump.String("one:hash", "now a key of its own"))
	c.load(d, 0)
	c.holds("one:hash=string own:hash=hash was=hash")
}

// TestDeltaNamesTaken: a name with a suffix that is in use, before or by now, is refused.
func TestDeltaNamesTaken(t *testing.T) {
	for name, records := range map[string][]format.Record{
		"own:hash": {smalldump.Hash("own", "f", "v"), smalldump.String("own", "1")},
		"two:hash": {smalldump.String("two:hash", "1")},
		"new:hash": {smalldump.Hash("new", "f", "v"), smalldump.String("new", "1"), smalldump.String("new:hash", "1")},
	} {
		c := newChain(t, smalldump.String("own:hash", "1"), smalldump.Hash("two", "f", "v"), smalldump.String("two", "1"))
		c.base.Rewrite.Conflict = rewrite.Suffix
		c.load(c.base, 0)
		c.load(c.delta(records...), 5, fmt.Sprintf("%q", name), "has a key of that name already")
		c.holds("own:hash=string two:hash=hash two=string")
	}
}

// TestDeltaRewrites: what a delta does not write under its rules is deleted, and what it has
// nothing to do with is not.
func TestDeltaRewrites(t *testing.T) {
	hll := smalldump.String("p:h", "HYLL")
	hll.Kind = format.HyperLogLog
	c := newChain(t, smalldump.String("p:h", "1"), smalldump.String("p:gone", "1"), smalldump.String("p:expires", "1"), smalldump.String("other", "1"))
	c.base.Rewrite.Prefix = rewrite.Prefix{Strip: []byte("p:"), Add: []byte("q:")}
	c.load(c.base, 3, "1 prefix")
	c.holds("q:expires=string q:gone=string q:h=string")
	c.m.Set("gone", "of somebody else")
	expired := smalldump.String("p:expires", "2")
	expired.Expire = time.Now().Add(-time.Hour).UnixMilli()
	d := c.delta(smalldump.Deleted("other"), expired, smalldump.Deleted("p:gone"), hll)
	c.load(d, 3, "1 hyperloglog")
	c.holds("gone=string")
}

// TestDeltaTypes: a load of some types deletes no key of another.
func TestDeltaTypes(t *testing.T) {
	c := newChain(t, smalldump.Hash("a", "f", "v"), smalldump.Hash("b", "f", "v"))
	c.base.Filter.Types = []format.Type{format.TypeHash}
	c.load(c.base, 0)
	c.m.Del("b")
	c.m.Set("b", "of somebody else")
	c.load(c.delta(smalldump.Deleted("a"), smalldump.Deleted("b")), 0)
	c.holds("b=string")
}

// TestDeltaSkipped: what a load with --on-exists skip left to others is not replaced unasked.
func TestDeltaSkipped(t *testing.T) {
	c := newChain(t, smalldump.String("a", "1"))
	c.m.Set("a", "of somebody else")
	c.base.Target.OnExists = writer.Skip
	c.load(c.base, 3, "1 exists")
	c.base.Target.OnExists = writer.Fail
	d := c.delta(smalldump.String("a", "2"))
	c.load(d, 5, "--on-exists skip", "--base-loaded")
	d.BaseLoaded = true
	c.load(d, 0)
	if v, _ := c.m.Get("a"); v != "2" {
		t.Errorf("a is %s", v)
	}
}

// TestDeltaOfOneDatabase: a delta has names of one database, its base of two.
func TestDeltaOfOneDatabase(t *testing.T) {
	one := []format.Record{smalldump.String("a", "1")}
	addr := redisserver.Start(t).Addr
	c := &chain{T: t, base: options(t, addr, one), dir: filepath.Join(t.TempDir(), "chain")}
	c.base.Dump = smalldump.Make(t, smalldump.Options{}, one, one)
	c.base.MapDB = map[int]target.Keyspace{0: {DB: 0}, 1: {DB: 1}}
	c.last = c.base.Dump
	c.load(c.base, 0)
	c.load(c.delta(smalldump.String("b", "1")), 0)
	d := c.delta(smalldump.Deleted("a"))
	d.MapDB = map[int]target.Keyspace{0: {DB: 0}}
	c.load(d, 0)
	for db, want := range []string{"b", "a"} {
		client := redis.NewClient(&redis.Options{Addr: addr, DB: db, Protocol: 2, DisableIdentity: true})
		defer client.Close()
		if got, err := client.Keys(t.Context(), "*").Result(); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("database %d holds %q, %v", db, got, err)
		}
	}
}

// TestDeltaEmpty: a delta without any name is loaded, and the next one behind it.
func TestDeltaEmpty(t *testing.T) {
	c := newChain(t, smalldump.String("a", "1"))
	c.load(c.base, 0)
	c.load(c.delta(), 0)
	c.load(c.delta(smalldump.Deleted("a")), 0)
	c.holds("")
	c.load(c.delta(smalldump.String("b", "1")), 0)
	c.holds("b=string")
}

// TestProbeLeft: what a run left that was killed while it tried the target is not counted.
func TestProbeLeft(t *testing.T) {
	c := newChain(t, smalldump.String("a", "1"))
	c.m.Set(target.ProbePrefix+"OF A RUN THAT WAS KILLED", "v")
	c.load(c.base, 0)
	other := c.base
	other.Dump = smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("b", "1")})
	c.load(other, 5, "the target holds 1 key already")
}
