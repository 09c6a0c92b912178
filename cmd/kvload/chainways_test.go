package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// chainOfTwo makes a base of two databases, with a name in two types and expiries, and three deltas
// behind it: of both databases, of one, of none.
func chainOfTwo(t *testing.T) (base, chain string) {
	t.Helper()
	expires := func(key, value string) format.Record {
		r := text(key, value)
		r.Expire = time.Now().Add(time.Hour).UnixMilli()
		return r
	}
	base = makeDump(t,
		[]format.Record{text("a", "0"), expires("e", "0"), text("gone", "0"), hash("two", "f", "0"), text("two", "0"), text("z", "0")},
		[]format.Record{text("a", "1"), hash("h", "f", "1")})
	chain = filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), base,
		[]format.Record{text("a", "2"), expires("e", "2"), smalldump.Deleted("gone"), hash("new", "f", "2"), hash("two", "f", "2"), text("two", "2")},
		[]format.Record{smalldump.Deleted("a"), hash("h", "f", "2", "g", "2")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), nil, []format.Record{hash("a", "f", "3"), smalldump.Deleted("h")})
	smalldump.LastDelta(t, archive.DeltaPath(chain, 3), archive.DeltaPath(chain, 2))
	return base, chain
}

// TestChainWays: a chain is followed with the flags of its base, which nobody gives again; it is
// equal, and undone to what the base was, and to nothing.
func TestChainWays(t *testing.T) {
	t.Setenv("NS1", token)
	for _, way := range []struct {
		name, at string // the kind of target
		flags    string
		again    string // what no journal keeps
		code     int    // of what leaves something out
	}{
		{"databases", "redis", "--map-db 0=db:3,1=db:5 --on-conflict suffix", "", 0},
		{"first", "redis", "--map-db 0=db:3,1=db:5 --on-conflict first", "", 3},
		{"one database", "redis", "--db 0 --on-conflict suffix --key-prefix-add p:", "", 0},
		{"no expiries", "redis", "--db 0 --on-conflict suffix --ttl drop", "", 0},
		{"shifted", "redis", "--db 0 --on-conflict suffix --ttl shift --ttl-min 1s", "", 0},
		{"some names", "redis", "--db 0 --match [ag]*", "", 0},
		{"one type", "redis", "--db 1 --type hash", "", 0},
		{"a Kvrocks", "kvrocks", "--db 0 --on-conflict suffix", "", 0},
		{"raw batches", "kvrocks", "--db 0 --on-conflict suffix --method raw --key-prefix-add p:", "--method raw", 0},
		{"raw batches and their commands", "kvrocks", "--db 0 --on-conflict suffix --method raw", "--method commands", 0},
		{"namespaces", "namespaces", "--map-db 0=default,1=NS1 --on-conflict suffix", "--map-db 0=default,1=NS1", 0},
	} {
		t.Run(way.name, func(t *testing.T) {
			var uri string
			switch way.at {
			case "redis":
				uri = "redis://" + redisserver.Start(t).Addr
			case "kvrocks":
				uri = "redis://" + minitarget.StartKvrocks(t, minitarget.Options{}).Addr()
			default:
				t.Setenv("REDISCLI_AUTH", password)
				uri = "redis://" + minitarget.StartKvrocks(t, minitarget.Options{Password: password}).Addr()
				way.flags += " --create-namespaces"
			}
			base, chain := chainOfTwo(t)
			keys := func() (n int64) {
				if way.at == "namespaces" {
					return 0
				}
				o, err := redis.ParseURL(uri)
				if err != nil {
					t.Fatal(err)
				}
				o.Protocol, o.DisableIdentity = 2, true
				for db := range 6 {
					if o.DB = db; db > 0 && way.at != "redis" {
						break
					}
					c := redis.NewClient(o)
					size, err := c.DBSize(t.Context()).Result()
					if err != nil {
						t.Fatal(err)
					}
					n += size
					_ = c.Close()
				}
				return n
			}
			run := func(code int, command, in string, more ...string) result {
				t.Helper()
				r := runCommand(slices.Concat([]string{command, "--uri", uri, "--in", in}, more)...)
				if r.code != code {
					t.Fatalf("%s %v: exit code %d, want %d: %s%s", command, more, r.code, code, r.stdout, r.stderr)
				}
				return r
			}
			again := strings.Fields(way.again)
			places := slices.DeleteFunc(slices.Clone(again), func(s string) bool { return way.at != "namespaces" })
			undo := filepath.Join(t.TempDir(), "undo")
			run(way.code, "load", base, strings.Fields(way.flags)...)
			before := keys()
			r := run(way.code, "follow", chain, slices.Concat(again, []string{"--base", base, "--undo", undo, "--verify"})...)
			if !strings.Contains(r.stderr, "delta 3 is the last") {
				t.Errorf("follow: %s", r.stderr)
			}
			run(0, "verify", chain, slices.Concat(places, []string{"--reverse"})...)
			run(0, "verify", archive.DeltaPath(chain, 3), places...)
			run(0, "rollback", chain, slices.Concat(places, []string{"--to", "1"})...)
			if r := run(4, "verify", chain, slices.Concat(places, []string{"--reverse"})...); !strings.Contains(r.stderr, "kvload: the target lacks 2 deltas of the chain: ") || !strings.Contains(r.stdout, "  next      kvload load ") {
				t.Error(r)
			}
			run(0, "verify", archive.DeltaPath(chain, 1), places...)
			run(0, "rollback", chain, places...)
			run(0, "verify", base, slices.Concat(places, []string{"--reverse"})...)
			if n := keys(); n != before {
				t.Errorf("%d keys, and %d before the chain", n, before)
			}
			run(0, "rollback", base, places...)
			if n := keys(); n != 0 {
				t.Errorf("%d keys are left", n)
			}
		})
	}
}

// TestRehearsal: once a rehearsal is undone, and its base and chain are removed but not the journal
// beside the base, others are loaded from the same places; before that they are not.
func TestRehearsal(t *testing.T) {
	base, chain := chainOfTwo(t)
	uri := "redis://" + redisserver.Start(t).Addr
	run := func(code int, command string, args ...string) result {
		t.Helper()
		r := runCommand(append([]string{command, "--uri", uri}, args...)...)
		if r.code != code {
			t.Fatalf("%s: exit code %d, want %d: %s", command, r.code, code, r.stderr)
		}
		return r
	}
	load := []string{"--in", base, "--map-db", "0=db:0,1=db:1", "--on-conflict", "suffix"}
	follow := []string{"--in", chain, "--base", base, "--verify"}
	run(0, "load", load...)
	run(0, "follow", follow...)
	other, behind := chainOfTwo(t)
	swap := func() {
		if err := errors.Join(os.Rename(base, base+".was"), os.Rename(other, base), os.Rename(base+".was", other)); err != nil {
			t.Fatal(err)
		}
	}
	swap()
	r := run(5, "load", load...)
	if !strings.Contains(r.stderr, base+".load") || !strings.Contains(r.stderr, "remove that directory") || strings.Contains(r.stderr, "resume") {
		t.Error(r.stderr)
	}
	swap()
	run(0, "rollback", "--in", base, "--flush")
	swap()
	if err := errors.Join(os.RemoveAll(chain), os.Rename(behind, chain)); err != nil {
		t.Fatal(err)
	}
	if r := run(0, "load", load...); !strings.Contains(r.stderr, "the journal of the load before is kept as") {
		t.Error(r.stderr)
	}
	run(0, "follow", follow...)
	run(0, "rollback", "--in", base, "--flush")
	swap()
	run(5, "load", append(follow[:2:2], "--resume")...) // its base is undone
	run(0, "load", append(load, "--resume")...)
}

// TestNewDatabase: a database that comes into use while its source is followed gets a place by
// the flags that the error names, in follow itself.
func TestNewDatabase(t *testing.T) {
	t.Setenv("NS1", token)
	t.Setenv("REDISCLI_AUTH", password)
	uri := "redis://" + minitarget.StartKvrocks(t, minitarget.Options{Password: password}).Addr()
	base, chain := makeDump(t, []format.Record{text("a", "0")}, nil), filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), base, []format.Record{text("a", "1")}, []format.Record{text("b", "1")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), nil, []format.Record{text("b", "2")})
	smalldump.LastDelta(t, archive.DeltaPath(chain, 3), archive.DeltaPath(chain, 2))
	if r := runCommand("load", "--uri", uri, "--in", base); r.code != 0 {
		t.Fatal(r.stderr)
	}
	follow := func(flags ...string) result {
		return runCommand(append([]string{"follow", "--uri", uri, "--in", chain, "--base", base, "--verify"}, flags...)...)
	}
	follow().failed(t, 5, "--map-db 0=default,1=TOKEN_VARIABLE")
	follow("--map-db", "0=default,1=NS1").failed(t, 12, "if there is no such namespace yet, --create-namespaces makes it")
	if r := follow("--map-db", "0=default,1=NS1", "--create-namespaces"); r.code != 0 || !strings.Contains(r.stderr, "delta 3 is the last") {
		t.Error(r.code, r.stderr)
	}
	if r := runCommand("verify", "--uri", uri, "--in", chain, "--base", base, "--map-db", "0=default,1=NS1", "--reverse"); r.code != 0 {
		t.Error(r.code, r.stderr)
	}
	runCommand("rollback", "--uri", uri, "--in", base, "--flush").failed(t, 3, "other places than their base", "map[1:db1/]")
}

// TestSuffixTaken: a name that --on-conflict suffix made, and that comes into use at the source,
// ends the chain; what the error advises brings it on, with the flags of the new load of the base.
func TestSuffixTaken(t *testing.T) {
	uri := "redis://" + redisserver.Start(t).Addr
	base, chain := makeDump(t, []format.Record{text("a", "0"), hash("two", "f", "0"), text("two", "0")}), filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), base, []format.Record{text("a", "1")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), []format.Record{text("two:hash", "1")})
	smalldump.LastDelta(t, archive.DeltaPath(chain, 3), archive.DeltaPath(chain, 2))
	run := func(code int, args ...string) {
		t.Helper()
		if r := runCommand(append(args, "--uri", uri)...); r.code != code || code == 5 && !strings.Contains(r.stderr, "anew with --on-conflict first") {
			t.Fatalf("%v: exit code %d, want %d: %s", args, r.code, code, r.stderr)
		}
	}
	run(0, "load", "--in", base, "--on-conflict", "suffix")
	run(5, "follow", "--in", chain, "--base", base)
	run(0, "rollback", "--in", base, "--flush")
	run(3, "load", "--in", base, "--on-conflict", "first")
	run(0, "follow", "--in", chain, "--base", base, "--verify")
}

// TestChainSummary: what a machine reads of a run that followed a chain.
func TestChainSummary(t *testing.T) {
	base, chain := chainOfTwo(t)
	uri := "redis://" + redisserver.Start(t).Addr
	if r := runCommand("load", "--uri", uri, "--in", base, "--db", "1"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	r := runCommand("follow", "--uri", uri, "--in", chain, "--base", base, "--json")
	for _, want := range []string{`"result":"done"`, `"deltas":3`, `"number":3`, `"last":true`, `"lag_seconds":0`, `"deleted":2`, fmt.Sprintf(`"place":%q`, chain)} {
		if !strings.Contains(strings.ReplaceAll(r.stdout, `": `, `":`), want) {
			t.Errorf("it does not say %s: %s%s", want, r.stdout, r.stderr)
		}
	}
	r = runCommand("rollback", "--uri", uri, "--in", chain)
	r.failed(t, 5, "delta 2 was loaded without --undo") // 3 has no name, and took nothing away
	for _, args := range [][]string{{"--flush"}, {"--undo", "x"}, {"--to", "-1"}} {
		runCommand(append([]string{"rollback", "--uri", uri, "--in", chain}, args...)...).failed(t, 2, strings.TrimSuffix(args[0], "="))
	}
	runCommand("rollback", "--uri", uri, "--in", base, "--to", "1").failed(t, 2, "--to is for a chain")
}
