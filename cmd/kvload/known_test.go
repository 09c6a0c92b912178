package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// TestKnownFlags: what the journal of a load knows need not be given again to resume, verify,
// finish and undo it, and given otherwise it is refused. It would be another load without: other
// names, types and expiries.
func TestKnownFlags(t *testing.T) {
	k := startKvrocks(t)
	a := text("p:a", "1")
	a.Expire = time.Now().Add(time.Hour).UnixMilli()
	dir := makeDump(t, []format.Record{a, text("p:b", "2"), text("q:c", "3"), hash("p:h", "f", "v")})
	at := []string{"--uri", k.Addr(), "--in", dir}
	run := func(command string, flags ...string) result {
		return runCommand(append(append([]string{command}, at...), flags...)...)
	}
	flags := []string{"--threads", "1", "--key-prefix-strip", "p:", "--key-prefix-add", "new key:", "--ttl", "drop", "--match", "p:*", "--type", "string,hash"}
	k.change(func() { k.full = true })
	run("load", flags...).failed(t, 75, "--resume")
	k.change(func() { k.full = false })
	run("load", "--resume", "--ttl", "keep").failed(t, 5, `--ttl was "drop", and is "keep" now`)

	says := `flags of the load, by its journal in ` + dir
	for _, tc := range []struct {
		command string
		flags   []string
	}{
		{"load", []string{"--resume", "--threads", "1"}}, {"verify", nil}, {"verify", []string{"--ttl", "drop"}}, {"verify", []string{"--type", "string"}},
		{"verify", []string{"--reverse"}}, {"finish", nil}, {"rollback", nil},
	} {
		if r := run(tc.command, tc.flags...); r.code != 0 || !strings.Contains(r.stderr, says) || !strings.Contains(r.stderr, `--key-prefix-add "new key:"`) {
			t.Fatalf("%s %v: %d: %s%s", tc.command, tc.flags, r.code, r.stdout, r.stderr)
		}
		if tc.command == "load" {
			if got := strings.Join(k.Keys(), "|"); got != "new key:a|new key:b|new key:h" || k.TTL("new key:a") != 0 {
				t.Errorf("the target has %s, a for %v", got, k.TTL("new key:a"))
			}
			run("verify", "--ttl", "keep").failed(t, 5, `the load had --ttl "drop", not "keep"`)
			run("verify", "--key-prefix-add", "other:").failed(t, 5, `the load had --key-prefix-add "new key:", not "other:"`)
			run("verify", "--state", t.TempDir()).failed(t, 5, "holds no journal of a load of this dump")
		}
	}
	if got := k.Keys(); len(got) > 0 {
		t.Errorf("after the rollback the target has %v", got)
	}
	if r := run("load"); r.code != 0 || strings.Join(k.Keys(), "|") != "p:a|p:b|p:h|q:c" { // another load
		t.Errorf("%d: %v, %s", r.code, k.Keys(), r.stderr)
	}
}

// TestKnownPlaces: databases go where the journal says, without --map-db.
func TestKnownPlaces(t *testing.T) {
	addr := redisserver.Start(t).Addr
	at := []string{"--uri", addr, "--in", makeDump(t, []format.Record{text("a", "1")}, []format.Record{text("b", "2")})}
	if r := runCommand(append([]string{"load", "--map-db", "0=db:3,1=db:5"}, at...)...); r.code != 0 {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	for _, command := range []string{"verify", "rollback"} {
		if r := runCommand(append([]string{command}, at...)...); r.code != 0 || !strings.Contains(r.stderr, `--map-db "0=db:3,1=db:5"`) {
			t.Errorf("%s: %d: %s", command, r.code, r.stderr)
		}
	}
	if r := runCommand(append([]string{"verify"}, at...)...); r.code != 4 || !strings.Contains(r.stderr, "2 of 2 keys differ") {
		t.Errorf("after the rollback: %d: %s", r.code, r.stderr)
	}
}

// TestKnownRaw: what a load by raw batches has stored, a score that commands refuse, is missed by a
// verify of its own.
func TestKnownRaw(t *testing.T) {
	k := minitarget.StartKvrocks(t, minitarget.Options{})
	z := format.Record{Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte("b")}, Scores: []float64{math.NaN(), 2}}
	at := []string{"--uri", k.Addr(), "--in", makeDump(t, []format.Record{text("a", "1"), z})}
	if r := runCommand(append([]string{"load"}, at...)...); r.code != 0 || !strings.Contains(r.stderr, "method: raw batches") {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	if r := runCommand(append([]string{"verify"}, at...)...); r.code != 0 {
		t.Errorf("%d: %s%s", r.code, r.stdout, r.stderr)
	}
	if _, err := k.ZRem("z", "a"); err != nil {
		t.Fatal(err)
	}
	if r := runCommand(append([]string{"verify"}, at...)...); r.code != 4 || !strings.Contains(r.stdout+r.stderr, "missing elements") {
		t.Errorf("without the member: %d: %s%s", r.code, r.stdout, r.stderr)
	}
}
