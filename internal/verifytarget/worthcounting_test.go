package verifytarget

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// plentiful are the records of a dump with 120 keys of all kinds, 8 of which expire, and 2 that
// have expired.
func plentiful() []format.Record {
	coll := func(kind format.Kind, key string, n int) format.Record {
		r := format.Record{Kind: kind, Key: []byte(key)}
		for i := range n {
			r.Elems = append(r.Elems, fmt.Appendf(nil, "%05d", i))
			if kind == format.Zset {
				r.Scores = append(r.Scores, float64(i))
			}
		}
		return r
	}
	refused := coll(format.Zset, "z-refused", 3)
	refused.Scores[1] = math.NaN()
	stream := format.Record{Kind: format.Stream, Key: []byte("x"), State: &format.StreamState{LastID: format.StreamID{Ms: 1}, EntriesAdded: 1}}
	stream.Entries = []format.Entry{{ID: format.StreamID{Ms: 1}, Fields: [][]byte{[]byte("f"), []byte("v")}}}
	list := []format.Record{
		smalldump.String("", "an empty name"), smalldump.String("empty", ""), smalldump.String("both", "1"), smalldump.String("long", strings.Repeat("x", 70_000)),
		smalldump.Hash("h", "f", "v"), smalldump.Hash("both", "f", "v"), coll(format.List, "l", 3),
		coll(format.Set, "s", 3), coll(format.Set, "s-large", 1500), coll(format.Zset, "z", 3), refused, stream,
	}
	for i := range 100 {
		list = append(list, smalldump.String(fmt.Sprintf("t%02d", i), "text"))
	}
	for i := range 8 {
		r := smalldump.String(fmt.Sprintf("until%d", i), "text")
		r.Expire = 4102444800123 + int64(i)
		list = append(list, r)
	}
	for i := range 2 {
		r := smalldump.String(fmt.Sprintf("was%d", i), "text")
		r.Expire = 1
		list = append(list, r)
	}
	for i := range list {
		list[i].Part = format.PartWhole
	}
	slices.SortStableFunc(list, func(a, b format.Record) int { return bytes.Compare(a.Key, b.Key) })
	return list
}

// A tried is a target that a test has loaded, and compares.
type tried struct {
	*minitarget.Kvrocks
	spec  load.Spec
	hook  atomic.Pointer[server.Hook] // answers while it is compared
	asked atomic.Int64                // keys for their expiry
}

func try(t *testing.T, dump, version string, spaces map[int]target.Keyspace) *tried {
	o := &tried{spec: load.Spec{
		Dump: dump, Workers: 2, State: t.TempDir() + "/state", MapDB: spaces,
		Rewrite: rewrite.Options{Conflict: rewrite.Suffix, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}}
	before := func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == "PEXPIRETIME" {
			o.asked.Add(1)
		}
		hook := o.hook.Load()
		return hook != nil && (*hook)(p, cmd, args...)
	}
	password := ""
	if spaces != nil {
		password = "pw"
	}
	o.Kvrocks = minitarget.StartKvrocks(t, minitarget.Options{Version: version, Password: password, Before: before})
	o.spec.Target.Target.Addr, o.spec.Target.Target.Password = o.Addr(), password
	return o
}

func (o *tried) load(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	if err := load.Run(t.Context(), load.Options{Spec: o.spec, MaxErrors: -1}, &log, &log); load.ExitCode(err) > 3 {
		t.Fatal(err, log.String())
	}
}

// compare returns what is found, in lines without order, and what was said.
func (o *tried) compare(t *testing.T, least int64) (equal bool, found, said string) {
	t.Helper()
	defer func(n int64) { leastSpared = n }(leastSpared)
	leastSpared = least
	o.asked.Store(0)
	s := o.spec
	s.Summary = summary.New("test", "", "verify")
	var log bytes.Buffer
	report := filepath.Join(t.TempDir(), "report")
	err := Run(t.Context(), Options{Spec: s, Rounds: 2, Report: report}, &log, &log)
	if err != nil && load.ExitCode(err) != 4 {
		t.Fatal(err, log.String())
	}
	text, _ := json.Marshal(s.Summary.Comparison)
	data, _ := os.ReadFile(report)
	lines := strings.Split(string(data), "\n")
	slices.Sort(lines)
	return err == nil, string(text) + strings.Join(lines, "\n"), log.String()
}

// TestCensus: a key that has an expiry only on the target is found, though keys are not asked for
// it, whatever comes between; and all that is reported is as where every key is asked.
func TestCensus(t *testing.T) {
	dump := smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, plentiful())
	answer := func(cmd, sub, reply string) server.Hook {
		return func(p *server.Peer, c string, args ...string) bool {
			is := c == cmd && len(args) > 0 && strings.EqualFold(args[0], sub)
			switch {
			case is && strings.HasPrefix(reply, "ERR"):
				p.WriteError(reply)
			case is:
				p.WriteBulk(reply)
			}
			return is
		}
	}
	for i, c := range []struct {
		name   string
		change string      // commands, before the comparison
		amid   string      // one, once a hash is read
		behind string      // one, when all was read and the count is looked at
		hook   server.Hook // during it
		says   string      // why there is a second pass; empty: there is none
		asked  int64       // keys for their expiry, at most; 0: all
	}{
		{name: "equal", asked: 30},
		{name: "equal, of another version", asked: 30},
		{name: "a string", change: "EXPIRE t50 5000", says: "of which 9 expire"},
		{name: "a hash", change: "EXPIRE h 5000", says: "of which 9 expire"},
		{name: "a list", change: "EXPIRE l 5000", says: "of which 9 expire"},
		{name: "a set", change: "EXPIRE s 5000", says: "of which 9 expire"},
		{name: "a zset", change: "EXPIRE z 5000", says: "of which 9 expire"},
		{name: "another name", change: "EXPIRE both:hash 5000", asked: 30},
		{name: "one of which parts are explained", change: "EXPIRE z-refused 5000", asked: 30},
		{name: "a stream", change: "EXPIRE x 5000", asked: 30},
		{name: "an empty string", change: "EXPIRE empty 5000", asked: 30},
		{name: "a long string", change: "EXPIRE long 5000", asked: 30},
		{name: "a large set", change: "EXPIRE s-large 5000", asked: 30},
		{name: "another value", change: "EXPIRE t50 5000, APPEND t50 x", asked: 30},
		{name: "as many as there should be", change: "EXPIRE t50 5000, PERSIST until3", says: "120 and 7 were found"},
		{name: "others' keys", change: "EXPIRE t50 5000, SET other 1, SET other2 1 EX 1000", says: "counts 122 keys"},
		{name: "others' keys for the dump's", change: "EXPIRE t50 5000, DEL t51, DEL until3, SET other 1, SET other2 1", says: "counts 120 keys"},
		{name: "another type", change: "EXPIRE t50 5000, DEL t51, RPUSH t51 1", says: "keys are of other types"},
		{name: "written meanwhile", amid: "EXPIRE t50 5000", says: "something was written to the target"},
		{name: "written when all was read and counted", behind: "SET other 1", says: "something was written to the target"},
		{name: "a count that was begun before", change: "DBSIZE SCAN, EXPIRE t50 5000", says: "of which 9 expire"},
		{name: "counted in part", change: "EXPIRE t50 5000", hook: func() server.Hook {
			var n atomic.Int64 // another time each time
			return func(p *server.Peer, cmd string, args ...string) bool {
				return answer("INFO", "keyspace", fmt.Sprintf("# Keyspace\r\nlast_dbsize_scan_timestamp:%d\r\ndb0:keys=9,expires=8,\r\n", n.Add(1)))(p, cmd, args...)
			}
		}(), says: "counts 9 keys"},
		{name: "counted by another server", change: "EXPIRE t50 5000, PERSIST t50", hook: answer("CLIENT", "LIST", "id=3 name=other\n"), says: "does not list all connections"},
		{name: "shown as it was before, with the new time", change: "EXPIRE t50 5000", hook: func() server.Hook {
			var n atomic.Int64 // the first is when there is no count yet
			return func(p *server.Peer, cmd string, args ...string) bool {
				if cmd != "INFO" || !slices.Contains(args, "keyspace") || n.Add(1) != 3 {
					return false
				}
				return answer("INFO", "keyspace", "# Keyspace\r\nlast_dbsize_scan_timestamp:1\r\ndb0:keys=120,expires=8,\r\n")(p, cmd, args...)
			}
		}(), says: "of which 9 expire"},
		{name: "not counted", change: "EXPIRE t50 5000", hook: answer("DBSIZE", "SCAN", "ERR unknown command")},
		{name: "no count shown", change: "EXPIRE t50 5000", hook: answer("INFO", "keyspace", "# Keyspace\r\n")},
		{name: "a large server", change: "EXPIRE t50 5000", hook: answer("INFO", "rocksdb", "# RocksDB\r\nestimate_keys[metadata]:1000\r\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := try(t, dump, []string{"2.10.1", "2.14.0"}[i%2], nil)
			o.load(t)
			client := testserver.Client(t, o.Addr())
			run := func(commands string) {
				for one := range strings.SplitSeq(commands, ", ") {
					var args []any
					for word := range strings.FieldsSeq(one) {
						args = append(args, word)
					}
					if len(args) == 0 {
						continue
					}
					if err := client.Do(t.Context(), args...).Err(); err != nil {
						t.Error(one, err)
					}
				}
			}
			run(c.change)
			var once atomic.Bool
			var looks atomic.Int64 // the first asks for the count
			hook := server.Hook(func(p *server.Peer, cmd string, args ...string) bool {
				if cmd == "HSCAN" && once.CompareAndSwap(false, true) {
					run(c.amid)
				}
				if cmd == "INFO" && slices.Contains(args, "keyspace") && looks.Add(1) == 5 {
					run(c.behind)
				}
				return c.hook != nil && c.hook(p, cmd, args...)
			})
			o.hook.Store(&hook)
			equal, found, said := o.compare(t, 1)
			if n := o.asked.Load(); c.asked > 0 && n > c.asked {
				t.Errorf("%d keys were asked for their expiry, of at most %d", n, c.asked)
			}
			if want := !strings.Contains(c.change+c.amid, "EXPIRE") || strings.Contains(c.change, "PERSIST t50"); equal != want {
				t.Errorf("equal: %v\n%s", equal, said)
			}
			if strings.Contains(said, "in a second pass: ") != (c.says != "") || !strings.Contains(said, c.says) {
				t.Errorf("want %q, log:\n%s", c.says, said)
			}
			if _, all, _ := o.compare(t, math.MaxInt64); found != all {
				t.Errorf("found\n%s\nwhere all keys are asked:\n%s", found, all)
			}
		})
	}
}

// TestCensusOfNamespaces: the keys of a namespace are counted by themselves, those of the default
// one together with all others: then it is given up at once.
func TestCensusOfNamespaces(t *testing.T) {
	dump := smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, plentiful()[:80], plentiful())
	o := try(t, dump, "", map[int]target.Keyspace{0: {}, 1: {Token: "token"}})
	o.AddNamespace("ns", "token")
	o.load(t)
	for _, expires := range []bool{false, true} {
		if expires {
			o.Namespace("ns").SetTTL("t50", 1<<40)
		}
		equal, found, said := o.compare(t, 1)
		if equal == expires || strings.Contains(said, "database 0: keys") || strings.Contains(said, "database 1: keys") != expires {
			t.Errorf("equal: %v\n%s", equal, said)
		}
		if _, all, _ := o.compare(t, math.MaxInt64); found != all {
			t.Errorf("found\n%s\nwhere all keys are asked:\n%s", found, all)
		}
	}
}

// TestCensusOfChain: what deltas have added, given an expiry and deleted counts.
func TestCensusOfChain(t *testing.T) {
	base := smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, plentiful())
	chain := filepath.Join(t.TempDir(), "chain")
	expires := smalldump.String("t10", "text")
	expires.Expire = 4102444800123
	smalldump.Delta(t, archive.DeltaPath(chain, 1), base, []format.Record{expires, smalldump.Deleted("t20"), smalldump.String("u1", "new"), smalldump.String("u2", "new")})
	o := try(t, base, "", nil)
	o.load(t)
	o.spec.Dump, o.spec.Base = chain, base
	var log bytes.Buffer
	s := o.spec
	s.Summary = summary.New("test", "", "load")
	if err := loadchain.Run(t.Context(), []load.Options{{Spec: s, MaxErrors: -1}}, false, &log, &log); load.ExitCode(err) > 3 {
		t.Fatal(err, log.String())
	}
	for _, key := range []string{"none", "u2"} {
		o.DB(0).SetTTL(key, 1<<40)
		equal, found, said := o.compare(t, 1)
		if n := o.asked.Load(); equal != (key == "none") || strings.Contains(said, "second pass") == equal || equal && n > 30 {
			t.Errorf("equal: %v, %d asked\n%s", equal, n, said)
		}
		if _, all, _ := o.compare(t, math.MaxInt64); found != all {
			t.Errorf("found\n%s\nwhere all keys are asked:\n%s", found, all)
		}
	}
}
