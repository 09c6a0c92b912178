package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
)

// TestRollbackCrash: loads with --undo, some of them killed, are undone by rollbacks that are
// killed at random moments, all over connections that are cut. In the end the target is as it was
// before the load, key by key, but for one that others changed since, which is listed once.
func TestRollbackCrash(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	rounds := 8
	if testing.Short() {
		rounds = 6
	}
	eachTarget(t, func(t *testing.T, to target) {
		before := heldBefore(keys, to)
		kills, cuts := 0, 0
		for round, until := 0, soaking(t); round < rounds || time.Now().Before(until); round++ {
			rng := rand.New(rand.NewPCG(seed, uint64(round)))
			admin := client(t, to.addr, 0)
			do(t, admin, "FLUSHDB")
			f := newFiller(t, admin)
			for _, r := range before {
				f.record(r)
			}
			f.flush()
			proxy, err := faultproxy.Start(to.addr, func(n int) faultproxy.Plan {
				if n%4 == 1 || n%4 == 2 {
					return faultproxy.Plan{ResetAfter: 1000 + int64(n*n*7919)%60_000}
				}
				return faultproxy.Plan{}
			})
			if err != nil {
				t.Fatal(err)
			}
			home := t.TempDir()
			args := func(command string) []string {
				return []string{command, "--quiet", "--uri", "redis://" + proxy.Addr(), "--in", dir, "--state", filepath.Join(home, "state"),
					"--on-exists", "replace", "--undo", filepath.Join(home, "undo"), "--checkpoint", "1ms", "--pipeline", "40", "--threads", "3"}
			}
			disturb := func(command string, within int) {
				if r := runFor(t, time.Duration(rng.IntN(within))*time.Millisecond, "kvload", args(command)...); r.code < 0 {
					kills++
				}
			}
			want, code := slices.Clone(before), 0
			if round%3 == 0 {
				disturb("load", 1200)
			} else {
				code = 3
				if r := ended(t, args("load")); r.code != 0 {
					t.Fatalf("exit code %d: %s", r.code, r.stderr)
				}
				do(t, admin, "SET", keys[2].Key, "changed by others")
				want = slices.DeleteFunc(want, func(r *record) bool { return string(r.Key) == string(keys[2].Key) })
				want = append(want, &record{Record: format.Record{Kind: format.String, Key: keys[2].Key, Value: []byte("changed by others")}})
			}
			for range rng.IntN(4) {
				disturb("rollback", 400)
			}
			r := ended(t, args("rollback"))
			switch {
			case strings.Contains(r.stderr, "holds no journal"): // the load was killed before it wrote anything
			case r.code != code:
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			case code == 3:
				if n := len(readLines[leftOut](t, filepath.Join(home, "state", "changed.jsonl"))); n != 1 {
					t.Errorf("%d keys are listed as changed", n)
				}
			}
			proxy.Close()
			cuts += proxy.Disturbed()
			c := newChecker(t, to, 0)
			for _, r := range want {
				c.key(r)
			}
			c.done()
			if t.Failed() {
				t.Fatalf("round %d", round)
			}
		}
		t.Logf("%d runs were killed, %d connections were cut", kills, cuts)
		if kills == 0 || cuts == 0 {
			t.Error("nothing was disturbed")
		}
	})
}

// ended runs kvload until it was not its first connection, which it does not try again, that was
// cut.
func ended(t *testing.T, args []string) (r result) {
	t.Helper()
	for range 20 {
		if r = run(t, "kvload", args...); r.code != 75 {
			return r
		}
		if args[0] == "load" && !slices.Contains(args, "--resume") {
			args = append(args, "--resume")
		}
	}
	t.Fatalf("it never comes to its end: %s", r.stderr)
	return r
}
