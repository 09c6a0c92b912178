package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/s3server"
)

// TestBucketRollback: taking back a load whose journal is in a bucket leaves nothing in the working directory.
func TestBucketRollback(t *testing.T) {
	server := s3server.Start(t)
	dir := makeDump(t, []format.Record{text("a", "new"), text("b", "new")})
	m := startTarget(t)
	m.Set("a", "old")
	t.Chdir(t.TempDir())
	flags := []string{"--uri", m.Addr(), "--in", dir, "--state", server.URL("state"), "--on-exists", "replace"}
	if r := runCommand(append([]string{"load", "--undo", filepath.Join(t.TempDir(), "undo")}, flags...)...); r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	if r := runCommand(append([]string{"rollback"}, flags...)...); r.code != 0 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	if v, _ := m.Get("a"); v != "old" || m.Exists("b") {
		t.Errorf("a is %q, and there are %v", v, m.Keys())
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
