package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestBucketRollback: taking back a load whose journal is in a bucket leaves nothing in the working
// directory.
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

// TestBucketUndoLocked: --break-lock is for the lock of --undo as well.
func TestBucketUndoLocked(t *testing.T) {
	server := s3server.Start(t)
	m := startTarget(t)
	m.Set("a", "old")
	load := []string{"load", "--uri", m.Addr(), "--in", makeDump(t, []format.Record{text("a", "new")}), "--on-exists", "replace", "--undo", server.URL("undo")}
	undo, err := storage.Create(t.Context(), server.URL("undo"), storage.Options{})
	if err == nil {
		err = storage.WriteFile(undo, ".lock", []byte(`{"id":"x","host":"elsewhere","process":1}`))
	}
	if err != nil {
		t.Fatal(err)
	}
	runCommand(load...).failed(t, 11, "process 1 on elsewhere", "--break-lock")
	if r := runCommand(append(load, "--break-lock")...); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}

// TestBucketUnpack: unpack takes the place of a run that is known to be gone, and spools where it
// is told to.
func TestBucketUnpack(t *testing.T) {
	server := s3server.Start(t)
	packed := runCommand("pack", "--quiet", makeDump(t, []format.Record{text("a", "1")}))
	out, err := storage.Create(t.Context(), server.URL("out"), storage.Options{})
	if err == nil {
		err = storage.WriteFile(out, ".lock", []byte(`{"id":"x","host":"elsewhere","process":1}`))
	}
	if err != nil {
		t.Fatal(err)
	}
	unpack := func(flags ...string) result {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"kvload", "unpack", "--quiet", "--out", server.URL("out")}, flags...), strings.NewReader(packed.stdout), &stdout, &stderr)
		return result{code, stdout.String(), stderr.String()}
	}
	unpack().failed(t, 11, "process 1 on elsewhere", "--break-lock")
	unpack("--break-lock", "--spool", filepath.Join(t.TempDir(), "nosuch")).failed(t, 5, "nosuch")
	if r := unpack("--break-lock", "--spool", t.TempDir()); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if r := runCommand("check", "--quiet", server.URL("out")); r.code != 0 {
		t.Error(r.stderr)
	}
}
