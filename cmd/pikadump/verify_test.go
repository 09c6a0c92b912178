package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

func TestVerifyUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--in is missing"},
		{[]string{"--in", "d", "--rounds", "0"}, "--rounds"},
		{[]string{"--in", "d", "--sample", "x"}, "--sample"},
		{[]string{"--in", "d", "--threads", "-1"}, "--threads"},
		{[]string{"--in", "d", "--timeout", "-1s"}, "--timeout"},
		{[]string{"--in", "d", "x"}, "not a flag"},
	} {
		runCommand(append([]string{"verify"}, c.args...)...).failed(t, exitcode.Usage, c.says)
	}
}

// TestVerifyMany compares many chunks with many workers, in several rounds, whose connections
// outlive the round that opened them.
func TestVerifyMany(t *testing.T) {
	server, err := pikasim.Start(pikasim.Options{Version: pikasim.V355})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	do := func(args ...any) {
		t.Helper()
		if err := c.Do(context.Background(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		do("SET", fmt.Sprintf("s%03d", i), strings.Repeat("x", 10_000))
		do("HSET", fmt.Sprintf("h%03d", i), "f", strings.Repeat("x", 10_000))
	}
	dir := filepath.Join(t.TempDir(), "dump")
	if r := runCommand("dump", "--quiet", "--uri", "redis://"+server.Addr(), "--out", dir, "--chunk-size", "64KiB"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	verify := []string{"verify", "--quiet", "--uri", "redis://" + server.Addr(), "--in", dir, "--threads", "4", "--rounds", "3"}
	runCommand(append(verify, "--match", "nosuch*")...).failed(t, exitcode.Refused, "no key was compared, which proves nothing")
	if r := runCommand("dump", "--quiet", "--uri", "redis://"+server.Addr(), "--out", t.TempDir(), "--match", "nosuch*"); r.code != 0 || !strings.Contains(r.stderr, "THE DUMP HOLDS NO KEYS") {
		t.Errorf("a dump of nothing: %d, %s", r.code, r.stderr)
	}
	if r := runCommand(verify...); r.code != exitcode.Done || !strings.Contains(r.stdout, "compared 80 keys") {
		t.Fatalf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	do("DEL", "s007")
	do("HSET", "h011", "f", "y")
	if r := runCommand(verify...); r.code != exitcode.Different || !strings.Contains(r.stderr, "2 of 80 keys have changed") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestVerifyNoDump(t *testing.T) {
	runCommand("verify", "--in", t.TempDir()).failed(t, exitcode.NoDump, "no finished dump")
}

// TestVerifyUnknownExpiry: an expiry that the dump, or the source, cannot tell because of another
// type of the name is no change; presence and value are compared all the same.
func TestVerifyUnknownExpiry(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V355, Config: map[string]string{"cache-model": "0"},
		Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
	smallpika.Send(t, s.Addr(), "HSET x f v", "SET x s EX 1000", "HSET y f v", "EXPIRE y 5000", "SET y s EX 1000", "HSET alone f v", "HSET z f v", "EXPIRE z 500", "SET z s EX 9")
	dir := filepath.Join(t.TempDir(), "dump")
	r := runCommand("dump", "--quiet", "--uri", s.Addr(), "--out", dir, "--type", "hash", "--match", "[x-z]")
	r.failed(t, exitcode.LeftOut, "3 expiry-unknown")
	if list, err := os.ReadFile(filepath.Join(dir, "skipped.jsonl")); err != nil || !strings.Contains(string(list), `"name":"\"x\"","reason":"expiry-unknown"`) {
		t.Errorf("%v\n%s", err, list)
	}
	verify := []string{"verify", "--quiet", "--uri", s.Addr(), "--in", dir}
	for _, x := range []struct {
		after   int64 // s
		do      string
		says    string
		changed string
	}{
		{0, "PING", "expiry unknown  3 keys", ""},                           // of all three
		{100, "PING", "expiry unknown  3 keys", ""},                         // that of z can be told by now, not whether it is as it was
		{1001, "PING", "expiry unknown  1 key", "1 of 3 keys have changed"}, // that of y likewise, and z is not there; x has none
		{1002, "HDEL y f", "missing  2 keys", "2 of 3 keys have changed"},   // nobody can tell that it has not expired
		{1002, "HSET x f w", "value    1 key", "3 of 3 keys have changed"},
	} {
		now.Store(1_800_000_000 + x.after)
		smallpika.Send(t, s.Addr(), x.do)
		want := exitcode.Done
		if x.changed != "" {
			want = exitcode.Different
		}
		if r := runCommand(verify...); r.code != want || !strings.Contains(r.stdout, x.says) || !strings.Contains(r.stderr, x.changed) {
			t.Errorf("after %d s, %s: %d\n%s%s", x.after, x.do, r.code, r.stdout, r.stderr)
		}
	}
}
