package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestStreamUsage: what cannot be done with a stream is refused, with what to do instead.
func TestStreamUsage(t *testing.T) {
	m := startTarget(t)
	load := []string{"load", "--uri", m.Addr()}
	for _, c := range []struct {
		args []string
		says string
	}{
		{append(load, "--in", "-", "--verify"), "kvload unpack"},
		{append(load, "--in", "-", "--dry-run"), "kvload unpack"},
		{append(load, "--in", "-", "--follow"), "as it comes"},
		{append(load, "--in", "-", "--shard", "0/2"), "--shard"},
		{[]string{"finish", "--uri", m.Addr(), "--state", "s", "--in", "-"}, "kvload unpack"},
		{append(load, "--in", "-", "--undo", "d", "--on-exists", "replace"), "finished dump"},
		{append(load, "--in", "d", "--follow", "--undo", "d", "--on-exists", "replace"), "finished dump"},
		{[]string{"verify", "--uri", m.Addr(), "--in", "-"}, "kvload unpack"},
		{[]string{"rollback", "--uri", m.Addr(), "--in", "-"}, "kvload unpack"},
		{[]string{"unpack"}, "--out is missing"},
		{[]string{"unpack", "x"}, "not a flag"},
		{[]string{"pack"}, "give one dump"},
	} {
		runCommand(c.args...).failed(t, 2, c.says)
	}
	// Standard input is empty.
	runCommand(append(load, "--in", "-")...).failed(t, 10, "it is empty")
	out := filepath.Join(t.TempDir(), "out")
	runCommand("unpack", "--quiet", "--out", out).failed(t, 10, "it is empty")
	runCommand("pack", "--quiet", t.TempDir()).failed(t, 10, "no finished dump")
	runCommand(append(load, "--in", filepath.Join(t.TempDir(), "nosuch"), "--follow")...).failed(t, 10, "no such file")
	if m.TotalConnectionCount() > 0 {
		t.Error("there was a connection to the target")
	}
}

// TestPackUnpack: the two commands are each other's reverse; a dump that is damaged is not packed to its end.
func TestPackUnpack(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2")})
	r := runCommand("pack", "--quiet", dir)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	out := filepath.Join(t.TempDir(), "out")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"kvload", "unpack", "--out", out}, strings.NewReader(r.stdout), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	if again := runCommand("pack", "--quiet", out); again.stdout != r.stdout {
		t.Error("what was unpacked makes another stream")
	}
	if r := runCommand("check", "--quiet", out); r.code != 0 {
		t.Error(r.stderr)
	}
	edit(t, dir, "chunks/db0/string/000001.mpz", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	r = runCommand("pack", "--quiet", dir)
	if r.code != 13 || !strings.Contains(r.stderr, "000001.mpz") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if code := run([]string{"kvload", "unpack", "--quiet", "--out", bad}, strings.NewReader(r.stdout), &stdout, &stderr); code != 10 {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if left, _ := os.ReadDir(bad); len(left) > 1 { // chunks, an empty directory
		t.Errorf("%v is left", left)
	}
}
