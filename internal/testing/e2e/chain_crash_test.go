package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// chainRounds is how many chains are loaded, at the least (SOAK).
const chainRounds = 2

// chainDeltas is how many deltas a chain has.
const chainDeltas = 3

// A chain is a base and its deltas, with all keys as they are after each.
type chain struct {
	base, dir string
	states    [][]*record
}

// makeChain makes a chain in which keys change their values and types, go and come.
func makeChain(t *testing.T) chain {
	t.Helper()
	c := chain{dir: filepath.Join(t.TempDir(), "chain"), states: [][]*record{loadCrashKeys()[:240]}}
	c.base = writeDump(t, c.states[0])
	for n, last := 1, c.base; n <= chainDeltas; n++ {
		rng := rand.New(rand.NewPCG(seed, uint64(1000+n)))
		var now []*record
		var changes []format.Record
		for _, r := range c.states[n-1] {
			switch rng.IntN(4) {
			case 0: // it goes
				changes = append(changes, smalldump.Deleted(string(r.Key)))
				continue
			case 1: // it gets another value, and perhaps another type
				size := 1 + rng.IntN(6)
				if rng.IntN(8) == 0 {
					size = 200 + rng.IntN(1000)
				}
				old := r
				r = &record{Record: format.Record{Key: old.Key, Kind: mix[rng.IntN(len(mix))], Part: format.PartWhole}}
				r.fill(rng, size, false)
				changes = append(changes, parts(r)...)
			}
			now = append(now, r)
		}
		for i := range 20 {
			r := &record{Record: format.Record{Key: fmt.Appendf(nil, "new\x00%d-%02d", n, i), Kind: mix[i%len(mix)], Part: format.PartWhole}}
			r.fill(rng, 1+rng.IntN(20), false)
			now, changes = append(now, r), append(changes, parts(r)...)
		}
		slices.SortStableFunc(changes, func(x, y format.Record) int { return bytes.Compare(x.Key, y.Key) })
		dir := archive.DeltaPath(c.dir, n)
		if n == chainDeltas {
			smalldump.LastDelta(t, dir, last, changes)
		} else {
			smalldump.Delta(t, dir, last, changes)
		}
		last = dir
		c.states = append(c.states, now)
	}
	return c
}

// holds compares a target with a state, key by key, and counts its keys.
func (c *chain) holds(t *testing.T, to target, n int) {
	t.Helper()
	check := newChecker(t, to, 0)
	for _, r := range c.states[n] {
		check.key(r)
	}
	check.done()
}

// TestChainCrash: deltas are loaded by runs of kvload follow that are killed at random moments,
// over connections that are cut, and undone again in the same way. The target is what the source
// was, key by key.
func TestChainCrash(t *testing.T) {
	parallel(t)
	c := makeChain(t)
	eachTarget(t, func(t *testing.T, to target) { c.rounds(t, to, "commands") })
}

// TestChainRawCrash is TestChainCrash by raw batches.
func TestChainRawCrash(t *testing.T) {
	parallel(t)
	c := makeChain(t)
	eachKvrocks(t, func(t *testing.T, to target) { c.rounds(t, to, "raw") })
}

func (c *chain) rounds(t *testing.T, to target, method string) {
	t.Helper()
	kills, cuts := 0, 0
	for round, until := 0, soaking(t); round < chainRounds || time.Now().Before(until); round++ {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		k, f := c.round(t, to, method, rng)
		kills, cuts = kills+k, cuts+f
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d runs were killed, %d connections were cut", kills, cuts)
	if kills == 0 || cuts == 0 {
		t.Error("nothing was disturbed")
	}
}

func (c *chain) round(t *testing.T, to target, method string, rng *rand.Rand) (kills, cuts int) {
	t.Helper()
	do(t, client(t, to.addr, 0), "FLUSHDB")
	proxy, err := faultproxy.Start(to.addr, func(n int) faultproxy.Plan {
		if n > 20 && n%5 == 1 {
			return faultproxy.Plan{ResetAfter: 500 + int64(n*n*7919)%30_000}
		}
		return faultproxy.Plan{}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	state := t.TempDir()
	args := func(command, in string, more ...string) []string {
		return append([]string{command, "--quiet", "--uri", "redis://" + proxy.Addr(), "--in", in, "--state", filepath.Join(state, "state"),
			"--checkpoint", "1ms", "--pipeline", "40", "--threads", "3"}, more...)
	}
	disturb := func(within int, args []string) {
		for range 2 + rng.IntN(3) {
			if r := runFor(t, time.Duration(rng.IntN(within))*time.Millisecond, "kvload", args...); r.code < 0 {
				kills++
			} else if r.code != 0 && r.code != 75 {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
		}
	}
	if r := ended(t, args("load", c.base, "--method", method)); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	follow := args("follow", c.dir, "--method", method)
	saved := method != "raw" || os.Getenv("KVROCKS_ADDR") == to.addr // the zsets of a simulated Kvrocks have another order
	if saved {
		follow = append(follow, "--undo", filepath.Join(state, "undo"))
	}
	disturb(700, follow)
	if r := ended(t, follow); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	c.holds(t, to, chainDeltas)
	for n := chainDeltas; saved && n > 0 && !t.Failed(); n-- {
		undo := args("rollback", c.dir, "--to", fmt.Sprint(n-1))
		if n == 1 {
			undo = args("rollback", archive.DeltaPath(c.dir, n))
		}
		disturb(300, undo)
		if r := ended(t, undo); r.code != 0 {
			t.Fatalf("exit code %d: %s", r.code, r.stderr)
		}
		c.holds(t, to, n-1)
	}
	return kills, proxy.Disturbed()
}

// TestChainCluster: deltas are loaded into a cluster, through another of its nodes than the base,
// and undone.
func TestChainCluster(t *testing.T) {
	parallel(t)
	c := makeChain(t)
	eachCluster(t, func(t *testing.T, to *cluster) {
		first, other := "redis://"+to.nodes[0].addr, "redis://"+to.nodes[1].addr
		mustRun(t, 0, "kvload", "load", "--quiet", "--uri", first, "--in", c.base)
		mustRun(t, 0, "kvload", "follow", "--quiet", "--uri", other, "--in", c.dir, "--base", c.base, "--undo", filepath.Join(t.TempDir(), "undo"))
		c.holds(t, to.to, chainDeltas)
		mustRun(t, 0, "kvload", "verify", "--quiet", "--uri", first, "--in", c.dir, "--base", c.base, "--reverse")
		for n := chainDeltas; n > 0; n-- {
			mustRun(t, 0, "kvload", "rollback", "--quiet", "--uri", first, "--in", archive.DeltaPath(c.dir, n))
			c.holds(t, to.to, n-1)
		}
	})
}
