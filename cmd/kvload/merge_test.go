package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestDeltaTaken: each command takes a delta, or a chain, or says what to give in its place.
func TestDeltaTaken(t *testing.T) {
	m := startTarget(t)
	base := makeDump(t, []format.Record{text("a", "1")})
	chain := filepath.Join(t.TempDir(), "chain")
	delta := archive.DeltaPath(chain, 1)
	smalldump.Delta(t, delta, base, []format.Record{text("a", "2")})
	const full, one = "kvload merge makes one", "it is a chain of deltas: give one of them, such as "
	for _, tc := range []struct {
		args        []string
		delta, many string // what it says of them; empty: it takes them
	}{
		{[]string{"check"}, "", ""}, {[]string{"inspect"}, "", ""}, {[]string{"inspect", "--json"}, "", ""}, {[]string{"cat", "--quiet"}, "", one + delta}, {[]string{"stats", "--quiet"}, "", one + delta},
		{[]string{"report", "--out", filepath.Join(t.TempDir(), "page")}, "", one + delta}, {[]string{"ls"}, "", one + delta}, {[]string{"pack", "--quiet"}, "", one + delta},
		{[]string{"extract", "--out", filepath.Join(t.TempDir(), "part")}, full, one + delta},
		{[]string{"merge", "--out", filepath.Join(t.TempDir(), "out"), base}, "", "an earlier run had finished it"}, {[]string{"merge", "--out", filepath.Join(t.TempDir(), "out"), delta}, "this is a delta dump", "this is a delta dump"},
		{[]string{"load", "--shard", "0/2", "--uri", m.Addr(), "--in"}, "a delta is loaded as a whole", "a delta is loaded as a whole"},
		{[]string{"load", "--follow", "--uri", m.Addr(), "--in"}, full, "kvload follow loads the chain"},
		{[]string{"load", "--uri", m.Addr(), "--in"}, "say with --base where that lies", "say with --base where that lies"},
	} {
		for location, says := range map[string]string{delta: tc.delta, chain: tc.many} {
			r := runCommand(append(tc.args, location)...)
			if says == "an earlier run had finished it" || says == "" {
				if r.code != 0 && r.code != 3 {
					t.Errorf("%q of %s: exit code %d\n%s", tc.args, location, r.code, r.stderr)
				}
				continue
			}
			if r.code == 0 || !strings.Contains(r.stderr, says) {
				t.Errorf("%q of %s: exit code %d, not %q\n%s", tc.args, location, r.code, says, r.stderr)
			}
		}
	}
}

// TestMerge: a base and its chain make one dump, which every command takes, and the summary says of
// what.
func TestMerge(t *testing.T) {
	base, chain := goldenCopy(t)
	out := filepath.Join(t.TempDir(), "out")
	r := runCommand("merge", "--quiet", base, chain, "--out", out)
	for _, says := range []string{"merged 29 keys", "until     2026-01-03T03:10:05Z", "merged of base " + base, "2 deltas", "the dump is finished, but it lacks 2 keys of the source, or a part or the expiry of each (1 read failed, 1 too large): see " + out + "/skipped.jsonl", "kvload check " + out} {
		if r.code != 3 || !strings.Contains(r.stderr, says) {
			t.Errorf("it does not say %q: exit code %d\n%s%s", says, r.code, r.stdout, r.stderr)
		}
	}
	for _, args := range [][]string{{"check", "--quiet", out}, {"inspect", out}, {"stats", "--quiet", out}, {"ls", out}} {
		if r := runCommand(args...); r.code != 0 {
			t.Errorf("%q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
		}
	}
	cat := func(args ...string) string {
		r := runCommand(append([]string{"cat", "--quiet", "--format", "json"}, args...)...)
		if r.code != 0 {
			t.Errorf("%q: exit code %d\n%s", args, r.code, r.stderr)
		}
		return r.stdout
	}
	if cat(out) != cat("--base", base, chain) {
		t.Error("it does not hold what base and chain amount to")
	}
	var s summary.Summary
	r = runCommand("merge", "--json", "--quiet", "--out", out, base, chain)
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil || r.code != 3 || !s.Finished || s.Keys != 29 || s.Chain == nil || s.Chain.Number != 2 || s.Chain.Deltas != 2 || !s.Chain.Last ||
		!strings.Contains(r.stdout, "an earlier run had finished it") {
		t.Errorf("again: exit code %d, %v\n%s%s", r.code, err, r.stdout, r.stderr)
	}
	if err := os.Remove(filepath.Join(archive.DeltaPath(chain, 2), format.ManifestName)); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(t.TempDir(), "one")
	if r := runCommand("merge", "--quiet", "--out", one, base, chain); r.code != 3 || !strings.Contains(r.stderr, "000002 is not finished") || !strings.Contains(r.stderr, "1 delta of the chain is not in it") {
		t.Errorf("an unfinished delta: exit code %d\n%s", r.code, r.stderr)
	}
	runCommand("merge", "--quiet", "--out", one, base).failed(t, 2, "give a full dump and behind it the chain")
	runCommand("merge", "--quiet", base, chain).failed(t, 2, "--out is missing")
	runCommand("merge", "--quiet", "--out", one, chain, base).failed(t, 2, "give the full dump first")
	runCommand("merge", "--quiet", "--out", base, base, chain).failed(t, 5, "holds another dump")
}
