package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
)

// startHolding starts a proxy that holds a pipeline with that command of a key of loadCrashKeys
// back, and leaves its connection open at the server.
func startHolding(t *testing.T, to target, command string) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(to.addr, func(int) faultproxy.Plan { return faultproxy.Plan{HoldAt: command + "\r\n$10\r\nkey"} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestLate: a pipeline that was given up, by a timeout or with the process that sent it, and comes
// to the server when the load is long done, changes nothing.
func TestLate(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		for _, tc := range []struct {
			command string
			kill    bool
		}{{"RPUSH", false}, {"DEL", false}, {"RPUSH", true}, {"XADD", true}} {
			t.Run(tc.command, func(t *testing.T) {
				admin := client(t, to.addr, 0)
				do(t, admin, "FLUSHDB")
				for _, r := range keys[:10] {
					do(t, admin, "SADD", r.Key, "old")
				}
				proxy := startHolding(t, to, tc.command)
				args := []string{"load", "--uri", "redis://" + proxy.Addr(), "--in", dir, "--state", filepath.Join(t.TempDir(), "state"), "--on-exists", "replace",
					"--threads", "2", "--resume", "--timeout"}
				if tc.kill {
					p := start(t, "kvload", append(args, "1h")...)
					waitFor(t, "a pipeline that is held", func() bool { return proxy.Disturbed() > 0 })
					p.kill()
					p.wait(t)
				}
				mustRun(t, 0, "kvload", append(args, "500ms")...)
				if proxy.Disturbed() == 0 {
					t.Fatal("nothing was held")
				}
				proxy.Release()
				c := newChecker(t, to, 0)
				for _, r := range keys {
					c.key(r)
				}
				c.done()
			})
		}
	})
}

// TestLateRollback: a DEL of a rollback that comes late does not delete what others have written
// since.
func TestLateRollback(t *testing.T) {
	parallel(t)
	dir := writeDump(t, loadCrashKeys()[:30])
	eachTarget(t, func(t *testing.T, to target) {
		admin := client(t, to.addr, 0)
		do(t, admin, "FLUSHDB")
		proxy := startHolding(t, to, "DEL")
		flags := []string{"--uri", "redis://" + proxy.Addr(), "--in", dir, "--timeout", "500ms"}
		mustRun(t, 0, "kvload", append([]string{"load"}, flags...)...)
		mustRun(t, 0, "kvload", append([]string{"rollback"}, flags...)...)
		if proxy.Disturbed() == 0 {
			t.Fatal("nothing was held")
		}
		for _, r := range loadCrashKeys()[:30] {
			do(t, admin, "SET", r.Key, "of others")
		}
		proxy.Release()
		for _, r := range loadCrashKeys()[:30] {
			if v, err := admin.Get(t.Context(), string(r.Key)).Result(); v != "of others" {
				t.Errorf("%.80q: %q, %v", r.Key, v, err)
			}
		}
	})
}

// TestLateUnknown: a target that does not let itself be asked whether a lost connection is gone is
// to be compared: the load says so, also when it goes on, until it has compared.
func TestLateUnknown(t *testing.T) {
	parallel(t)
	to := startRedis(t)
	do(t, client(t, to.addr, 0), "ACL", "SETUSER", "loads", "on", ">secret", "~*", "&*", "+@all", "-client|list")
	dir := writeDump(t, []*record{{Record: format.Record{Kind: format.List, Part: format.PartWhole, Key: []byte("key\x00000000"), Elems: [][]byte{[]byte("a"), []byte("b")}}}})
	proxy := startHolding(t, to, "RPUSH")
	args := func(more ...string) []string {
		return append([]string{"load", "--uri", "redis://loads:secret@" + proxy.Addr(), "--in", dir, "--resume", "--timeout", "500ms"}, more...)
	}
	for range 2 {
		r := mustRun(t, 4, "kvload", args()...)
		if !strings.Contains(r.stderr, "refuses CLIENT LIST: NOPERM") || !strings.Contains(r.stderr, "kvload verify --uri redis://"+proxy.Addr()+" --in "+dir) {
			t.Error(r.stderr)
		}
	}
	mustRun(t, 0, "kvload", args("--verify")...)
	proxy.Release()
	mustRun(t, 4, "kvload", args("--verify")...)
}
