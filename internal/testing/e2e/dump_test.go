package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// dump dumps a source into a new directory; pikadump must end with that exit code.
func dump(t *testing.T, code int, s source, flags ...string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dump")
	mustRun(t, code, "pikadump", append([]string{"dump", "--quiet", "--uri", "redis://" + s.addr, "--out", dir}, flags...)...)
	return dir
}

// load loads a dump and returns what the report lists; kvload must end with that exit code.
func load(t *testing.T, code int, dir string, to target, flags ...string) []leftOut {
	t.Helper()
	report := filepath.Join(t.TempDir(), "left-out.jsonl")
	mustRun(t, code, "kvload", append([]string{"load", "--quiet", "--uri", "redis://" + to.addr, "--in", dir, "--report", report}, flags...)...)
	return readLines[leftOut](t, report)
}

// leftOut is a line of kvload's report.
type leftOut struct {
	DB     int    `json:"db"`
	Kind   string `json:"kind"`
	Key    []byte `json:"key"`
	Reason string `json:"reason"`
	Member []byte `json:"member"`
}

// skippedKey is a line of skipped.jsonl.
type skippedKey struct {
	DB     int         `json:"db"`
	Type   format.Type `json:"type"`
	Key    []byte      `json:"key"`
	Reason string      `json:"reason"`
}

// readLines reads a file of a JSON object per line; one that is not there has none.
func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []T
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// inspect returns what kvload says of a dump that it finds sound.
func inspect(t *testing.T, dir string) *format.Manifest {
	t.Helper()
	mustRun(t, 0, "kvload", "check", "--quiet", dir)
	r := mustRun(t, 0, "kvload", "inspect", "--json", dir)
	m := &format.Manifest{}
	if err := json.Unmarshal([]byte(r.stdout), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// checkCounts compares the counts of one database with those of its model.
func (m *model) checkCounts(t *testing.T, got *format.Manifest, db int) {
	t.Helper()
	want := m.totals()
	for _, total := range got.Totals {
		if total.DB != db {
			continue
		}
		w := want[total.Type]
		if total.Keys != w.Keys || total.Elements != w.Elements || total.Expiring != w.Expiring {
			t.Errorf("db%d %s: %d keys, %d elements, %d expiring, want %d, %d, %d",
				db, total.Type, total.Keys, total.Elements, total.Expiring, w.Keys, w.Elements, w.Expiring)
		}
		delete(want, total.Type)
	}
	for typ := range want {
		t.Errorf("db%d %s is not in the dump", db, typ)
	}
	if got.Conflicts != 0 || got.Expired != 0 || len(got.Skipped) != 0 {
		t.Errorf("%d conflicts, %d expired, skipped %v", got.Conflicts, got.Expired, got.Skipped)
	}
	if got.Consistency.Statement != format.NoWrites {
		t.Errorf("consistency: %v", got.Consistency)
	}
}
