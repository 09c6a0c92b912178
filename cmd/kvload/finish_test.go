package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// TestFinishLists: what shards, or a load without them, have left out is listed beside their
// journals, and the summary names journals and list. In the working directory nothing is left.
func TestFinishLists(t *testing.T) {
	m := startTarget(t)
	hll := func(name string) format.Record {
		return format.Record{Kind: format.HyperLogLog, Key: []byte(name), Part: format.PartWhole, Value: []byte("registers")}
	}
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hll("p"), hll("q"), hll("r")})
	for _, shards := range [][]string{{"0/2", "1/2"}, {""}} {
		m.FlushAll()
		state := filepath.Join(t.TempDir(), "state")
		flags := []string{"--uri", m.Addr(), "--in", dir, "--state", state, "--hyperloglog", "leave-out"}
		for _, shard := range shards {
			load := append([]string{"load", "--json"}, flags...)
			if shard != "" {
				load = append(load, "--shard", shard)
			}
			if r := runCommand(load...); r.code != 3 && r.code != 0 {
				t.Fatal(r.stderr)
			}
		}
		here := t.TempDir()
		t.Chdir(here)
		r := runCommand(append([]string{"finish", "--json"}, flags...)...)
		var s summary.Summary
		if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != 3 {
			t.Fatalf("exit code %d, %v\n%s", r.code, err, r.stderr)
		}
		if len(s.LeftOut) != 1 || len(s.Files) != 2 || s.Files[0] != (summary.File{What: "journal", Path: state}) || s.Files[1].What != "report" ||
			s.Files[1].Path != s.LeftOut[0].List || filepath.Dir(s.Files[1].Path) != state {
			t.Errorf("%v: files %+v, left out %+v", shards, s.Files, s.LeftOut)
		}
		data, err := os.ReadFile(s.LeftOut[0].List)
		if lines := strings.Count(string(data), "\n"); err != nil || lines != 3 {
			t.Errorf("%v: %d lines, %v", shards, lines, err)
		}
		if left, err := os.ReadDir(here); err != nil || len(left) > 0 {
			t.Errorf("%v: %v is left, %v", shards, left, err)
		}
	}
}
