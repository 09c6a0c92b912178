package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestMergeCrash: a merge that is killed at random moments, and run again, makes the dump that one
// run makes: it is sound, and holds what base and chain amount to.
func TestMergeCrash(t *testing.T) {
	parallel(t)
	c := makeChain(t)
	want := mustRun(t, 0, "kvload", "cat", "--quiet", "--format", "json", "--base", c.base, c.dir).stdout
	kills := 0
	for round, until := 0, soaking(t); round < 4 || time.Now().Before(until); round++ {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		out := filepath.Join(t.TempDir(), "out")
		merge := []string{"merge", "--quiet", "--out", out, c.base, c.dir}
		for range 4 {
			if r := runFor(t, time.Duration(5+rng.IntN(200))*time.Millisecond, "kvload", merge...); r.code < 0 {
				kills++
			} else if r.code != 0 {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
		}
		mustRun(t, 0, "kvload", merge...)
		mustRun(t, 0, "kvload", "check", "--quiet", out)
		if got := mustRun(t, 0, "kvload", "cat", "--quiet", "--format", "json", out).stdout; got != want {
			t.Fatalf("round %d: it does not hold what base and chain amount to", round)
		}
	}
	if kills == 0 {
		t.Error("no run was killed")
	}
	t.Logf("%d runs were killed", kills)
}
