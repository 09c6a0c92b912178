package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// everyType returns keys of every type that a Redis holds, small and in parts, with odd bytes, odd
// scores and expiries. The smallest score is one that commands of a Kvrocks take, if it is for one.
func everyType(forKvrocks bool) []format.Record {
	expire := time.Now().Add(time.Hour).UnixMilli()
	key := func(kind format.Kind, name string, part format.Part, elems ...string) format.Record {
		r := hash(name, elems...)
		r.Kind, r.Part = kind, part
		if strings.HasSuffix(name, "expiring") {
			r.Expire = expire
		}
		return r
	}
	var fields []string
	for i := range 3000 {
		fields = append(fields, fmt.Sprint("f", i), strings.Repeat("v", i%300))
	}
	id := func(ms, seq uint64, fields ...string) format.Entry {
		return format.Entry{ID: format.StreamID{Ms: ms, Seq: seq}, Fields: hash("", fields...).Elems}
	}
	tiny := 5e-324
	if forKvrocks {
		tiny = 0x1p-1022
	}
	zset := key(format.Zset, "z", format.PartWhole, "inf", "-inf", "-0", "tiny", "large", "\xff\r\n")
	zset.Scores = []float64{math.Inf(1), math.Inf(-1), math.Copysign(0, -1), tiny, 1.7976931348623157e308, 0.1}
	old := text("old", "x")
	old.Expire = 1
	value := text("value expiring", "\x00\xff\r\n$3\r\n")
	value.Expire = expire
	first, last := text("value in parts", "one "), text("value in parts", "two")
	first.Part, last.Part = format.PartFirst, format.PartLast
	return []format.Record{
		text("", ""),
		key(format.Hash, "hash expiring", format.PartWhole, fields...),
		key(format.List, "list expiring", format.PartFirst, "a", "a", ""), key(format.List, "list expiring", 0), key(format.List, "list expiring", format.PartLast, "b"),
		old,
		key(format.Set, "set", format.PartFirst, "x"), key(format.Set, "set", format.PartLast, "", "y"),
		{Kind: format.Stream, Key: []byte("stream empty"), Part: format.PartWhole, State: &format.StreamState{LastID: format.StreamID{Ms: 9, Seq: 1}, MaxDeletedID: format.StreamID{Ms: 8}, EntriesAdded: 7}},
		{Kind: format.Stream, Key: []byte("stream expiring"), Expire: expire, Part: format.PartFirst, Entries: []format.Entry{id(1, 0, "f", "v", "f", ""), id(1, 1, "", "\xff")}},
		{Kind: format.Stream, Key: []byte("stream expiring"), Expire: expire, Part: format.PartLast, Entries: []format.Entry{id(math.MaxUint64, 3, "g", "w")},
			State: &format.StreamState{LastID: format.StreamID{Ms: math.MaxUint64, Seq: 4}, MaxDeletedID: format.StreamID{Ms: 7, Seq: 2}, EntriesAdded: 11}},
		value, first, last, zset,
		key(format.Hash, "\xff\x00", format.PartWhole, "\x00", "\xfe"),
	}
}

// everyTypeAs returns a key of each type under one name, each with an expiry.
func everyTypeAs(name string) []format.Record {
	all := []format.Record{text(name, "\xff\r\n"), hash(name, "f", "v")}
	for kind, r := range map[format.Kind]format.Record{
		format.List: {Elems: [][]byte{[]byte("a"), []byte("a")}}, format.Set: {Elems: [][]byte{[]byte("m"), []byte("")}},
		format.Zset:   {Elems: [][]byte{[]byte("m")}, Scores: []float64{math.Inf(-1)}},
		format.Stream: {Entries: []format.Entry{{ID: format.StreamID{Ms: 1}, Fields: [][]byte{[]byte("f"), []byte("v")}}}, State: &format.StreamState{LastID: format.StreamID{Ms: 1}, EntriesAdded: 1}},
	} {
		r.Kind, r.Key, r.Part = kind, []byte(name), format.PartWhole
		all = append(all, r)
	}
	for i := range all {
		all[i].Expire = time.Now().Add(time.Hour).UnixMilli()
	}
	slices.SortFunc(all, func(a, b format.Record) int { return int(a.Kind) - int(b.Kind) })
	return all
}

// restorer sends commands to a server as redis-cli --pipe does.
type restorer struct {
	t    *testing.T
	cli  string
	addr string
}

func (r restorer) pipe(commands string) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command(r.cli, "-h", host, "-p", port, "--pipe")
	c.Stdin = strings.NewReader(commands)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "errors: 0") {
		r.t.Fatalf("%v: %s", err, out)
	}
}

func (r restorer) drop(name string) {
	r.pipe(fmt.Sprintf("*2\r\n$3\r\nDEL\r\n$%d\r\n%s\r\n", len(name), name))
}

func (r restorer) verify(dir string, flags ...string) result {
	return runCommand(append([]string{"verify", "--quiet", "--uri", r.addr, "--in", dir, "--reverse", "--report", filepath.Join(r.t.TempDir(), "differs")}, flags...)...)
}

// TestRestore: each key alone, of every type, goes through redis-cli --pipe into a server that
// holds another value under its name, and then is what the dump has, element by element: in a
// redis-server, and in the Kvrocks at KVROCKS_ADDR.
func TestRestore(t *testing.T) {
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no redis-cli is installed, and CI must have one")
		}
		t.Skip("NO redis-cli IS INSTALLED: restoring a key is not tested")
	}
	t.Run("redis", func(t *testing.T) {
		testRestore(restorer{t, cli, redisserver.Start(t).Addr}, false)
	})
	t.Run("kvrocks", func(t *testing.T) {
		addr := os.Getenv("KVROCKS_ADDR")
		if addr == "" {
			t.Skip("NO KVROCKS_ADDR IS SET: restoring a key into a Kvrocks is not tested")
		}
		r := restorer{t, cli, addr}
		r.pipe("*1\r\n$8\r\nFLUSHALL\r\n")
		testRestore(r, true)
	})
}

func testRestore(to restorer, isKvrocks bool) {
	t := to.t
	records := everyType(isKvrocks)
	dir := smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, records)
	names := map[string]bool{}
	for _, r := range records {
		names[string(r.Key)] = true
	}
	for name := range names {
		for _, other := range []string{"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$5\r\nother\r\n", "*3\r\n$5\r\nRPUSH\r\n$%d\r\n%s\r\n$5\r\nother\r\n"} {
			to.drop(name)
			to.pipe(fmt.Sprintf(other, len(name), name))
			r := runCommand("get", "--format", "resp", dir, name)
			if name == "old" {
				r.failed(t, 3, "left out of what was written")
				to.drop(name)
				continue
			}
			if r.code != 0 || r.stderr != "" {
				t.Fatalf("%q: exit code %d: %s", name, r.code, r.stderr)
			}
			to.pipe(r.stdout)
		}
	}
	r := to.verify(dir)
	if r.code != 0 || !strings.Contains(r.stdout, "equal, but for what is explained") || !strings.Contains(r.stdout, "1 key: expired since") {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	to.pipe(runCommand("cat", "--quiet", "--format", "resp", dir).stdout) // all again, over what is there
	if r := to.verify(dir); r.code != 0 {
		t.Errorf("after cat: exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	to.pipe("*1\r\n$8\r\nFLUSHALL\r\n")

	several := smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, everyTypeAs("name"))
	for _, typ := range format.Types {
		for _, flags := range [][]string{{"--type", string(typ)}, {"--type", string(typ), "--ttl", "drop"}} {
			r := runCommand(append([]string{"get", "--format", "resp"}, append(flags, several, "name")...)...)
			if r.code != 0 {
				t.Fatalf("%s: exit code %d: %s", typ, r.code, r.stderr)
			}
			to.pipe(r.stdout)
			if r := to.verify(several, flags...); r.code != 0 {
				t.Errorf("%s: exit code %d: %s%s", typ, r.code, r.stdout, r.stderr)
			}
		}
	}
	to.drop("name")
	r = runCommand("get", "--format", "resp", "--on-conflict", "suffix", several, "name")
	to.pipe(r.stdout)
	if v := to.verify(several, "--on-conflict", "suffix"); r.code != 0 || v.code != 0 {
		t.Errorf("suffix: exit codes %d, %d: %s%s%s", r.code, v.code, r.stderr, v.stdout, v.stderr)
	}
}
