package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
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

// TestFinishBelowDeltas: a finish of a base, and its load that runs again with --resume, do not
// miss what deltas have deleted, replaced or added since: some of the keys, or all. The latter is
// said: the target may have been emptied.
func TestFinishBelowDeltas(t *testing.T) {
	var base, gone []format.Record
	for i := range 40 {
		base, gone = append(base, text(fmt.Sprintf("k%02d", i), "1")), append(gone, smalldump.Deleted(fmt.Sprintf("k%02d", i)))
	}
	for name, changes := range map[string][]format.Record{"some": append([]format.Record{text("a", "2")}, gone[:20]...), "all": gone} {
		for _, shards := range [][]string{nil, {"0/2", "1/2"}} {
			m, dir, chain := startTarget(t), makeDump(t, base), filepath.Join(t.TempDir(), "chain")
			flags := []string{"--uri", m.Addr(), "--in", dir, "--json"}
			for i := range max(1, len(shards)) {
				load := append([]string{"load"}, flags...)
				if shards != nil {
					load = append(load, "--shard", shards[i])
				}
				if r := runCommand(load...); r.code != 0 {
					t.Fatal(r.stderr)
				}
			}
			smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, changes)
			if r := runCommand("load", "--uri", m.Addr(), "--in", chain, "--base", dir); r.code != 0 {
				t.Fatal(r.stderr)
			}
			if r := runCommand(append([]string{"finish", "--no-verify"}, flags...)...); r.code != 0 {
				t.Errorf("%s, %v: exit code %d\n%s", name, shards, r.code, r.stderr)
			}
			again := append([]string{"load", "--resume"}, flags...)
			if shards != nil {
				again = append(again, "--shard", shards[1])
			}
			if r := runCommand(again...); r.code != 0 {
				t.Errorf("%s, %v, --resume: exit code %d\n%s", name, shards, r.code, r.stderr)
			} else if said := strings.Contains(r.stderr, "deltas that are loaded behind may have deleted them"); said != (name == "all") {
				t.Errorf("%s, %v, --resume: %s", name, shards, r.stderr)
			}
		}
	}
}
