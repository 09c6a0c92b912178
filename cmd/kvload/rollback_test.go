package main

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestRollbackLeftOut: a key of which the load left out a part is not taken for one that others
// have changed. That one is kept, and a load begins anew.
func TestRollbackLeftOut(t *testing.T) {
	k := startKvrocks(t)
	k.SetConfig("proto-max-bulk-len", "1048576")
	dir := makeDump(t, []format.Record{hash("h", "f", "v", "large", strings.Repeat("x", 1<<20+1)), hash("i", "f", "v", "large", strings.Repeat("x", 1<<20+1))})
	flags := []string{"--uri", k.Addr(), "--in", dir}
	runCommand(append([]string{"load"}, flags...)...).failed(t, 3, "2 refused")
	k.HSet("i", "of", "others")
	runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "the load is undone, but for what was kept: 1 key that others changed since")
	if got := strings.Join(k.Keys(), " "); got != "i" {
		t.Errorf("the target has %s", got)
	}
	runCommand(append([]string{"load"}, flags...)...).failed(t, 5, "holds 1 key already")
	k.Del("i")
	runCommand(append([]string{"load"}, flags...)...).failed(t, 3, "2 refused")
}

func elems(kind format.Kind, key string, names ...string) format.Record {
	r := hash(key, names...)
	r.Kind = kind
	return r
}

// noise returns text that does not compress well.
func noise(n int) string {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

// TestNeverLoaded: of a dump that was never loaded rollback and finish say that, and ask for no
// flag of its load; a target that is down is told as such.
func TestNeverLoaded(t *testing.T) {
	dir, m := makeDump(t, []format.Record{text("a", "1"), hash("a", "f", "v")}), startTarget(t)
	fails := func(command, addr string, code int, says string) {
		t.Helper()
		if r := runCommand(command, "--uri", addr, "--in", dir); r.code != code || !strings.Contains(r.stderr, says) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", command, r.code, code, says, r.stderr)
		}
	}
	addr := m.Addr()
	fails("rollback", addr, 5, "no load of this dump into this target is known")
	fails("finish", addr, 75, "no load of this dump into this target is known")
	m.Close()
	fails("rollback", addr, 75, "connect to target "+addr)
	fails("finish", addr, 75, "connect to target "+addr)
}
