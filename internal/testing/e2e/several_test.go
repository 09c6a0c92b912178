package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// severalArgs are of a load into several targets.
func severalArgs(dir string, addrs []string, flags ...string) []string {
	args := []string{"load", "--quiet", "--in", dir, "--checkpoint", "1ms", "--threads", "3"}
	for _, addr := range addrs {
		args = append(args, "--uri", "redis://"+addr)
	}
	return append(args, flags...)
}

// mustEqualKeys compares a target with the keys.
func mustEqualKeys(t *testing.T, to target, keys []*record) {
	t.Helper()
	check := newChecker(t, to, 0)
	for _, r := range keys {
		check.key(r)
	}
	check.done()
}

// mustSay checks that the lines are there, each beginning and going on so.
func mustSay(t *testing.T, text string, lines ...[2]string) {
	t.Helper()
	for _, want := range lines {
		found := false
		for line := range strings.Lines(text) {
			found = found || strings.Contains(line, " "+want[0]+": ") && strings.Contains(line, want[1])
		}
		if !found {
			t.Errorf("%s does not say %q:\n%s", want[0], want[1], text)
		}
	}
}

func startProxy(t *testing.T, to string, plan func(int) faultproxy.Plan) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(to, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestSeveral: every target gets all of the dump, and has a journal and a table of its own.
func TestSeveral(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	to := []target{startRedis(t), startRedis(t), startRedis(t)}
	addrs := []string{to[0].addr, to[1].addr, to[2].addr}
	r := mustRun(t, 0, "kvload", severalArgs(dir, addrs, "--dry-run")...)
	for _, addr := range addrs {
		if strings.Count(r.stdout, " into "+addr+"\n") != 1 {
			t.Errorf("no table of %s:\n%s", addr, r.stdout)
		}
	}
	state := filepath.Join(t.TempDir(), "state")
	r = mustRun(t, 0, "kvload", severalArgs(dir, addrs, "--verify", "--state", state)...)
	for i := range to {
		mustSay(t, r.stderr, [2]string{addrs[i], "loaded 600 keys"}, [2]string{addrs[i], "compared 600 keys"}, [2]string{addrs[i], "done"})
		mustEqualKeys(t, to[i], keys)
		if _, err := os.Stat(filepath.Join(state, strings.ReplaceAll(addrs[i], ":", "_"), journal.Name)); err != nil {
			t.Error(err)
		}
	}
}

// TestSeveralOneDies: when a target goes away in the middle, the others go on to their end;
// --resume brings the one to its end, too, and writes nothing to the others.
func TestSeveralOneDies(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	well, ill := startRedis(t), startRedis(t)
	proxy := startProxy(t, ill.addr, func(int) faultproxy.Plan { return faultproxy.Plan{ResetAfter: 60_000} })
	addrs := []string{proxy.Addr(), well.addr}
	r := mustRun(t, 75, "kvload", severalArgs(dir, addrs, "--retry-for", "0")...)
	mustSay(t, r.stderr, [2]string{addrs[0], "failed: "}, [2]string{addrs[0], "exit code 75"}, [2]string{addrs[1], "loaded 600 keys"}, [2]string{addrs[1], "done"},
		[2]string{"kvload", "1 of 2 targets did not end well; " + addrs[0]})
	mustEqualKeys(t, well, keys)
	if n := dbSize(t, client(t, ill.addr, 0)); n >= int64(len(keys)) {
		t.Errorf("%d keys are on the target that went away", n)
	}
	changes := func() string {
		info := client(t, well.addr, 0).Info(t.Context(), "persistence").Val()
		_, rest, _ := strings.Cut(info, "rdb_changes_since_last_save:")
		n, _, _ := strings.Cut(rest, "\r\n")
		return n
	}
	before := changes()
	proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
	mustRun(t, 5, "kvload", severalArgs(dir, addrs[:1])...) // it is to be resumed
	r = mustRun(t, 0, "kvload", severalArgs(dir, addrs, "--resume")...)
	mustSay(t, r.stderr, [2]string{addrs[0], "resuming the load"}, [2]string{addrs[1], "nothing is left to be done"})
	mustEqualKeys(t, ill, keys)
	mustEqualKeys(t, well, keys)
	if after := changes(); before == "" || after != before {
		t.Errorf("%s changes before, %s behind, at the target that was loaded", before, after)
	}
}

// TestSeveralOneStalls: while one target answers nothing any more, the other comes to its end. When
// the one is back, it does, too.
func TestSeveralOneStalls(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	well, slow := startRedis(t), startRedis(t)
	proxy := startProxy(t, slow.addr, func(int) faultproxy.Plan { return faultproxy.Plan{StallAfter: 60_000} })
	p := start(t, "kvload", severalArgs(dir, []string{proxy.Addr(), well.addr}, "--stall-timeout", "0")...)
	p.await(t, well.addr+": loaded 600 keys")
	mustEqualKeys(t, well, keys)
	if stderr := p.stderr.String(); strings.Contains(stderr, proxy.Addr()+": loaded") {
		t.Fatalf("the other was loaded before:\n%s", stderr)
	}
	proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
	proxy.Cut()
	if code, stderr := p.wait(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	mustEqualKeys(t, slow, keys)
}

// TestSeveralInterrupted: Ctrl-C stops the loads into all targets, and --resume resumes all.
func TestSeveralInterrupted(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	var to []target
	var proxies []*faultproxy.Proxy
	var addrs []string
	for range 2 {
		to = append(to, startRedis(t))
		proxies = append(proxies, startProxy(t, to[len(to)-1].addr, func(int) faultproxy.Plan { return faultproxy.Plan{StallAfter: 60_000} }))
		addrs = append(addrs, proxies[len(proxies)-1].Addr())
	}
	p := start(t, "kvload", severalArgs(dir, addrs, "--stall-timeout", "0")...)
	for _, addr := range addrs {
		p.await(t, addr+": target: ")
	}
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code, stderr := p.wait(t)
	if code != 130 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for i, proxy := range proxies {
		mustSay(t, stderr, [2]string{addrs[i], "exit code 130"})
		proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
	}
	mustRun(t, 0, "kvload", severalArgs(dir, addrs, "--resume")...)
	for i := range to {
		mustEqualKeys(t, to[i], keys)
	}
}

// TestSeveralDamaged: a chunk that is damaged is found in the load into every target, and nothing
// of it is loaded in silence.
func TestSeveralDamaged(t *testing.T) {
	parallel(t)
	dir := writeDump(t, loadCrashKeys())
	chunks := chunkFiles(t, dir)
	rewrite(t, chunks[len(chunks)/2], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	addrs := []string{startRedis(t).addr, startRedis(t).addr}
	r := mustRun(t, 13, "kvload", severalArgs(dir, addrs)...)
	for _, addr := range addrs {
		mustSay(t, r.stderr, [2]string{addr, "failed: read " + chunks[len(chunks)/2]}, [2]string{addr, "exit code 13"})
	}
}

// TestSeveralRefused: what does not go with several targets.
func TestSeveralRefused(t *testing.T) {
	parallel(t)
	dir := writeDump(t, loadCrashKeys()[:6])
	one, other, c := startRedis(t), startRedis(t), startCluster(t)
	_, port, _ := net.SplitHostPort(one.addr)
	for _, tc := range []struct {
		code int
		args []string
		says string
	}{
		{2, severalArgs(dir, []string{one.addr, one.addr}), "twice"},
		{5, severalArgs(dir, []string{one.addr, other.addr, "localhost:" + port}), one.addr + " and localhost:" + port + " are the same server"},
		{5, severalArgs(dir, []string{c.nodes[0].addr, one.addr, c.nodes[2].addr}), c.nodes[2].addr + " are the same server, or nodes of one cluster"},
		{2, severalArgs(dir, []string{one.addr, other.addr}, "--report", "x"), "--report"},
		{2, []string{"verify", "--in", dir, "--uri", one.addr, "--uri", other.addr}, "one server at a time"},
		{2, []string{"rollback", "--in", dir, "--uri", one.addr, "--uri", other.addr}, "one server at a time"},
	} {
		if r := mustRun(t, tc.code, "kvload", tc.args...); !strings.Contains(r.stderr, tc.says) {
			t.Errorf("stderr does not say %q:\n%s", tc.says, r.stderr)
		}
	}
	for _, to := range []target{one, other} {
		if n := dbSize(t, client(t, to.addr, 0)); n > 0 {
			t.Errorf("%d keys are on %s", n, to.addr)
		}
	}
}

// TestMemorySeveral: two targets take no more than one may.
func TestMemorySeveral(t *testing.T) {
	parallel(t)
	for _, b := range bulks(200_000, 300_000, 100) {
		t.Run(b.name, func(t *testing.T) {
			s := simulate(t, pikasim.Options{Version: pikasim.V355})
			f := newFiller(t, client(t, s.addr, 0))
			b.fill(f, b.count)
			f.flush()
			dir := filepath.Join(t.TempDir(), "dump")
			mustRun(t, 0, "pikadump", "dump", "--quiet", "--uri", "redis://"+s.addr, "--out", dir)
			to := []target{startRedis(t), startRedis(t)}
			slow := startProxy(t, to[1].addr, func(int) faultproxy.Plan { return faultproxy.Plan{Latency: 2e6} }) // is behind
			for i, second := range []string{to[1].addr, slow.Addr()} {
				args := []string{"load", "--quiet", "--on-exists", "replace", "--in", dir, "--uri", "redis://" + to[0].addr, "--uri", "redis://" + second}
				b.check(t, fmt.Sprint("kvload load into two, ", []string{"in step", "one behind"}[i]), runMeasured(t, 0, "kvload", args...))
			}
			for _, to := range to {
				if n := b.size(t, client(t, to.addr, 0)); n != int64(b.count) {
					t.Errorf("the target holds %d, want %d", n, b.count)
				}
			}
		})
	}
}
