package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
)

// heldBefore are keys of a target before a load: some of names that the dump has, of other types
// and sizes, some of other names. Streams have no state beside their entries that a filler would
// not make.
func heldBefore(keys []*record, to target) []*record {
	var before []*record
	for i := range 120 {
		rng := rand.New(rand.NewPCG(seed+1, uint64(i)))
		r := &record{}
		r.Kind, r.Part = mix[(i+3)%len(mix)], format.PartWhole
		r.Key = fmt.Appendf(nil, "other\x00%d", i)
		if i%3 > 0 {
			r.Key = keys[i*4].Key
		}
		if rng.IntN(3) == 0 && r.Kind != format.Stream {
			r.Expire = (firstExpiry + rng.Int64N(1<<20)) * 1000
		}
		r.fill(rng, 1+rng.IntN(900), false)
		if to.kvrocks && r.Kind == format.Stream { // one whose last entries were deleted may not tell its state (SERVERS.md K13)
			r.deleted, r.State = nil, &format.StreamState{LastID: r.Entries[len(r.Entries)-1].ID, EntriesAdded: uint64(len(r.Entries))}
		}
		before = append(before, r)
	}
	return before
}

// TestRollback: a target is equal to what it was before a load that was undone, key by key,
// also when the load, or the rollback, was killed.
func TestRollback(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		before := heldBefore(keys, to)
		for _, how := range []string{"finished", "load killed", "rollback killed"} {
			t.Run(how, func(t *testing.T) {
				admin := client(t, to.addr, 0)
				do(t, admin, "FLUSHDB")
				f := newFiller(t, admin)
				for _, r := range before {
					f.record(r)
				}
				f.flush()
				proxy, err := faultproxy.Start(to.addr, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer proxy.Close()
				killed := func(args []string, now func() bool) {
					proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{Latency: 3 * time.Millisecond} })
					killedWhen(t, args, now)
					proxy.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
				}
				home := t.TempDir()
				args := []string{"--quiet", "--uri", "redis://" + proxy.Addr(), "--in", dir, "--state", filepath.Join(home, "state"),
					"--on-exists", "replace", "--undo", filepath.Join(home, "undo"), "--checkpoint", "1ms", "--pipeline", "40", "--threads", "1"}
				load, back := append([]string{"load"}, args...), append([]string{"rollback"}, args...)
				there := func() int64 { return countOf(t, admin, keys) }
				if how == "load killed" {
					killed(load, func() bool { return there() > 200 })
				} else {
					mustRun(t, 0, "kvload", load...)
				}
				if how == "rollback killed" {
					killed(back, func() bool { return there() < 500 })
				}
				mustRun(t, 0, "kvload", back...)
				c := newChecker(t, to, 0)
				for _, r := range before {
					c.key(r)
				}
				c.done()
			})
		}
	})
}

// killedWhen kills a run of kvload in its middle.
func killedWhen(t *testing.T, args []string, now func() bool) {
	t.Helper()
	p := start(t, "kvload", args...)
	waitFor(t, "the middle of kvload "+args[0], now)
	p.kill()
	if code, stderr := p.wait(t); code >= 0 {
		t.Fatalf("kvload %s ended with %d before it was killed: %s", args[0], code, stderr)
	}
}

// countOf returns how many of the keys are there.
func countOf(t *testing.T, c *redis.Client, keys []*record) int64 {
	t.Helper()
	names := make([]string, len(keys))
	for i, r := range keys {
		names[i] = string(r.Key)
	}
	n, err := c.Exists(t.Context(), names...).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRollbackChanged: what others wrote since the load is left and listed, but for --force.
func TestRollbackChanged(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()[:40]
	dir := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		admin := client(t, to.addr, 0)
		args := []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dir, "--state", filepath.Join(t.TempDir(), "state")}
		load, back := append([]string{"load"}, args...), append([]string{"rollback"}, args...)
		mustRun(t, 0, "kvload", load...)
		do(t, admin, "SET", keys[1].Key, "another value")
		do(t, admin, "SET", "of others", "x")
		for range 2 {
			r := mustRun(t, 3, "kvload", back...)
			if !strings.Contains(r.stderr, "1 key that others changed since") {
				t.Error(r.stderr)
			}
		}
		if n, err := admin.Exists(t.Context(), string(keys[1].Key), "of others", string(keys[2].Key)).Result(); n != 2 || err != nil {
			t.Errorf("%d keys are there, %v", n, err)
		}
		mustRun(t, 0, "kvload", append(back, "--force")...)
		newChecker(t, to, 0).only("of others")
		mustRun(t, 0, "kvload", back...)
		do(t, admin, "FLUSHDB")
		mustRun(t, 0, "kvload", load...)
		mustRun(t, 0, "kvload", append(back, "--flush")...)
		newChecker(t, to, 0).only()
	})
}

// TestRollbackChangedStreams: a stream that others have changed is neither equal, nor absent, nor a
// part of what the dump has: also if its entries are those of the dump, or the server does not find
// its state any more.
func TestRollbackChangedStreams(t *testing.T) {
	parallel(t)
	var keys []*record
	for _, name := range []string{"ends", "entry", "group", "untouched"} {
		r := &record{}
		r.Kind, r.Part, r.Key = format.Stream, format.PartWhole, []byte(name)
		for seq := range uint64(4) {
			r.Entries = append(r.Entries, format.Entry{ID: format.StreamID{Ms: 1, Seq: seq + 1}, Fields: [][]byte{[]byte("f"), []byte("v")}})
		}
		r.State = &format.StreamState{LastID: format.StreamID{Ms: 1, Seq: 4}, EntriesAdded: 4}
		keys = append(keys, r)
	}
	dir := writeDump(t, keys)
	eachTarget(t, func(t *testing.T, to target) {
		admin := client(t, to.addr, 0)
		home := t.TempDir()
		args := []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dir, "--state", filepath.Join(home, "state"), "--on-exists", "replace"}
		do(t, admin, "SET", "ends", "older")
		mustRun(t, 0, "kvload", append([]string{"load", "--undo", filepath.Join(home, "undo")}, args...)...)
		do(t, admin, "XDEL", "ends", "1-3", "1-4") // XINFO of a Kvrocks does not find it any more
		do(t, admin, "XADD", "entry", "1-5", "f", "v")
		do(t, admin, "XADD", "entry", "1-6", "f", "v")
		do(t, admin, "XDEL", "entry", "1-5", "1-6")
		do(t, admin, "XGROUP", "CREATE", "group", "workers", "0")
		r := mustRun(t, 4, "kvload", "verify", "--quiet", "--uri", "redis://"+to.addr, "--in", dir)
		if !strings.Contains(r.stderr, "3 of 4 keys differ") || strings.Contains(r.stdout, "missing:") {
			t.Error(r.stdout, r.stderr)
		}
		r = mustRun(t, 3, "kvload", append([]string{"rollback"}, args...)...)
		if !strings.Contains(r.stderr, "3 keys that others changed since") {
			t.Error(r.stderr)
		}
		if n := countOf(t, admin, keys); n != 3 {
			t.Errorf("%d keys are there", n)
		}
		if typ := admin.Type(t.Context(), "ends").Val(); typ != "stream" {
			t.Errorf("a changed stream is a %s now: what was saved was put over it", typ)
		}
		mustRun(t, 0, "kvload", append([]string{"rollback", "--force"}, args...)...)
		newChecker(t, to, 0).only("ends")
	})
}

// only checks that the target holds these keys and no others.
func (c *checker) only(names ...string) {
	c.t.Helper()
	got, err := c.c.Do(c.t.Context(), "KEYS", "*").StringSlice()
	if err != nil || len(got) != len(names) || len(got) == 1 && got[0] != names[0] {
		c.t.Errorf("the target holds %q, want %q (%v)", got, names, err)
	}
}
