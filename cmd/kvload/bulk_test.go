package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestBulkLimit: what the target cannot take as an argument is left out and listed, and nothing
// that is asked for afterwards waits for it: also where the target does not tell its limit. The
// Kvrocks at KVROCKS_AUTH_ADDR loses its data.
func TestBulkLimit(t *testing.T) {
	long, name := strings.Repeat("x", 2<<20), strings.Repeat("n", 1200<<10)
	records := []format.Record{
		text("a", "small"), text("large", long), text(name, "v"), hash("field", "f", "v", long, "v"), hash("h", "f", "v", "g", long[:1<<20]), elems(format.List, "list", "a", long),
		elems(format.Set, "set", "a", long, long[:1<<20+1]), {Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte(long)}, Scores: []float64{1, 2}},
	}
	slices.SortFunc(records, func(a, b format.Record) int { return strings.Compare(string(a.Key), string(b.Key)) })
	dir := makeDump(t, records)
	test := func(name string, c *redis.Client, flags ...string) {
		t.Run(name, func(t *testing.T) {
			flags := append(flags, "--in", dir, "--retry-for", "0s")
			home := t.TempDir()
			load := append(flags, "--state", filepath.Join(home, "state"), "--on-exists", "replace")
			runCommand(append([]string{"load", "--verify", "--undo", filepath.Join(home, "undo")}, load...)...).failed(t, 3, "7 refused")
			if there := c.Keys(t.Context(), "*").Val(); len(there) != 5 {
				t.Errorf("%d keys are there", len(there))
			}
			reports, err := filepath.Glob(filepath.Join(home, "state", "left-out-*"))
			if err != nil || len(reports) != 1 {
				t.Fatal(reports, err)
			}
			if r := runCommand(append([]string{"verify", "--left-out", reports[0]}, flags...)...); r.code != 0 {
				t.Errorf("verify ends with %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			r := runCommand(append([]string{"verify"}, flags...)...)
			if r.code != 4 || !strings.Contains(r.stderr, "6 of 8 keys differ") || !strings.Contains(r.stdout, "proto-max-bulk-len") {
				t.Errorf("verify ends with %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			if r := runCommand(append([]string{"rollback"}, load...)...); r.code != 0 {
				t.Errorf("rollback ends with %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			if there, err := c.Keys(t.Context(), "*").Result(); len(there) != 0 || err != nil {
				t.Errorf("%d keys are left, %v", len(there), err)
			}
		})
	}
	limited := func(addr, password string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: addr, Password: password, Protocol: 2, DisableIdentity: true})
		before, err := c.ConfigGet(t.Context(), "proto-max-bulk-len").Result()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.ConfigSet(context.Background(), "proto-max-bulk-len", before["proto-max-bulk-len"]).Err(); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		})
		for _, args := range [][]any{{"FLUSHALL"}, {"CONFIG", "SET", "proto-max-bulk-len", 1 << 20}} {
			if err := c.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}

	addr := startRedis(t, "--user", "loader", "on", ">secret", "~*", "+@all", "-config")
	c := limited(addr, "")
	test("redis", c, "--uri", addr)
	test("redis, not told", c, "--uri", addr, "--user", "loader", "-a", "secret")
	if addr := os.Getenv("KVROCKS_AUTH_ADDR"); addr != "" {
		if host, _, err := net.SplitHostPort(addr); err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
			t.Fatalf("KVROCKS_AUTH_ADDR is %s, which is not on this host: it would lose its data", addr)
		}
		password := os.Getenv("KVROCKS_PASSWORD")
		test("kvrocks", limited(addr, password), "--uri", addr, "-a", password)
		token, _, _ := strings.Cut(os.Getenv("KVROCKS_TOKENS"), ",")
		c := redis.NewClient(&redis.Options{Addr: addr, Password: token, Protocol: 2, DisableIdentity: true})
		defer c.Close()
		test("kvrocks, not told", c, "--uri", addr, "-a", token)
	}
}
