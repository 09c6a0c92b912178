package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestBulkLimit: what the target cannot take as an argument is left out and listed, and nothing that is asked for afterwards waits
// for it: also where the target does not tell its limit.
func TestBulkLimit(t *testing.T) {
	long, name := strings.Repeat("x", 2<<20), strings.Repeat("n", 1200<<10)
	records := []format.Record{
		text("a", "small"), text("large", long), text(name, "v"), hash("field", "f", "v", long, "v"), hash("h", "f", "v", "g", long[:1<<20]), elems(format.List, "list", "a", long),
		elems(format.Set, "set", "a", long, long[:1<<20+1]), {Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte(long)}, Scores: []float64{1, 2}},
	}
	slices.SortFunc(records, func(a, b format.Record) int { return strings.Compare(string(a.Key), string(b.Key)) })
	dir := makeDump(t, records)
	for _, told := range []bool{true, false} {
		args, login := []string{"--proto-max-bulk-len", "1048576"}, []string(nil)
		if !told {
			args = append(args, "--user", "loader", "on", ">secret", "~*", "+@all", "-config")
			login = []string{"--user", "loader", "-a", "secret"}
		}
		addr := startRedis(t, args...)
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		home := t.TempDir()
		flags := append([]string{"--uri", addr, "--in", dir, "--retry-for", "0s"}, login...)
		load := append(flags, "--state", filepath.Join(home, "state"), "--on-exists", "replace")
		runCommand(append([]string{"load", "--verify", "--undo", filepath.Join(home, "undo")}, load...)...).failed(t, 3, "7 refused")
		if n := c.DBSize(context.Background()).Val(); n != 5 {
			t.Errorf("told %v: %d keys are there", told, n)
		}
		reports, err := filepath.Glob(filepath.Join(home, "state", "left-out-*"))
		if err != nil || len(reports) != 1 {
			t.Fatal(reports, err)
		}
		if r := runCommand(append([]string{"verify", "--left-out", reports[0]}, flags...)...); r.code != 0 {
			t.Errorf("told %v: verify ends with %d\n%s%s", told, r.code, r.stdout, r.stderr)
		}
		r := runCommand(append([]string{"verify"}, flags...)...)
		if r.code != 4 || !strings.Contains(r.stderr, "6 of 8 keys differ") || !strings.Contains(r.stdout, "proto-max-bulk-len") {
			t.Errorf("told %v: verify ends with %d\n%s%s", told, r.code, r.stdout, r.stderr)
		}
		if r := runCommand(append([]string{"rollback"}, load...)...); r.code != 0 {
			t.Errorf("told %v: rollback ends with %d\n%s%s", told, r.code, r.stdout, r.stderr)
		}
		if n := c.DBSize(context.Background()).Val(); n != 0 {
			t.Errorf("told %v: %d keys are left", told, n)
		}
	}
}
