package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/emulator"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// sums returns the names of the objects under a location that begin with a prefix, each with its
// hash.
func sums(t *testing.T, location, prefix string) map[string]string {
	t.Helper()
	b, err := storage.OpenBucket(t.Context(), location, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := b.List()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			r, err := b.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(r.SHA256())
			r.Close()
		}
	}
	return all
}

// TestStores: with Google and Azure, which answer with faults, a dump that is killed is resumed,
// checked and compared; a load from there whose journal is there, too, is killed and resumed, and
// undone.
func TestStores(t *testing.T) {
	parallel(t)
	for name, serve := range map[string]func(testing.TB) *emulator.Server{"gs": emulator.Google, "azblob": emulator.Azure} {
		t.Run(name, func(t *testing.T) {
			parallel(t)
			server := serve(t)
			s := simulate(t, pikasim.Options{Version: pikasim.V355})
			m := newModel(seed, 1500, s)
			m.fill(t, client(t, s.addr, 0))
			from, in := "redis://"+s.addr, server.URL("some/dump")
			tool(t, "kvload")
			server.SetFault(faults(rand.New(rand.NewPCG(seed, 11)), 30))
			dump := []string{"dump", "--quiet", "--uri", from, "--out", in, "--chunk-size", "64KiB", "--reply-size", "64KiB"}
			p := start(t, "pikadump", append(dump, "--rate-keys", "500")...)
			waitFor(t, "a chunk", func() bool { return len(sums(t, in, "chunks/")) > 2 })
			p.kill()
			p.mustSay(t, -1, "")
			before := sums(t, in, "chunks/")
			mustRun(t, 10, "kvload", "check", "--quiet", in)
			mustRun(t, 5, "pikadump", dump...)
			mustRun(t, 0, "pikadump", append(dump, "--resume")...)
			taken, after := 0, sums(t, in, "chunks/")
			for name, sum := range before {
				if sum != "" && after[name] == sum {
					taken++
				}
			}
			if taken == 0 {
				t.Error("nothing was taken up")
			}
			m.checkCounts(t, inspect(t, in), 0)
			mustRun(t, 0, "kvload", "check", "--quiet", in)
			mustRun(t, 0, "pikadump", "verify", "--quiet", "--uri", from, "--in", in)
			eachTarget(t, func(t *testing.T, to target) {
				own := strings.ReplaceAll(to.addr, ":", "-")
				state, undo := server.URL("state-"+own), server.URL("undo-"+own)
				load := []string{"load", "--quiet", "--uri", "redis://" + to.addr, "--in", in, "--state", state, "--on-exists", "replace", "--undo", undo, "--hyperloglog", "string"}
				p := start(t, "kvload", append(load, "--rate-keys", "200", "--checkpoint", "10ms")...)
				waitFor(t, "the journal", func() bool { return len(sums(t, state, "journal/")) > 1 })
				p.kill()
				p.mustSay(t, -1, "")
				mustRun(t, 0, "kvload", append(load, "--resume", "--verify")...)
				mustRun(t, 0, "kvload", "verify", "--quiet", "--uri", "redis://"+to.addr, "--in", in, "--hyperloglog", "string")
				load[0] = "rollback"
				mustRun(t, 0, "kvload", load...)
				if left := scan(t, client(t, to.addr, 0)); len(left) > 0 {
					t.Errorf("%d keys are left", len(left))
				}
			})
			if left := sums(t, in, ".tmp-"); len(left) > 0 {
				t.Errorf("there are %v", left)
			}
		})
	}
}
