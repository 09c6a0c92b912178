package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestResumeAlone: a dump is resumed by its directory alone. What is said must agree, and what
// dump.json does not tell has to be said.
func TestResumeAlone(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V340})
	unfinished := func(dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{nil, {"--match", "s*"}, {"--type", "hash,string"}, {"--db", "0"}, {"--sample", "50%"}, {"--limit-keys", "1"}, {"--streams", "off"}} {
		dir := filepath.Join(t.TempDir(), "dump")
		dump := func(more ...string) result {
			return runCommand(append([]string{"dump", "--quiet", "--out", dir}, more...)...)
		}
		if r := dump(append(flags, "--uri", s.Addr())...); r.code != 0 {
			t.Fatal(r.stderr)
		}
		unfinished(dir)
		dump("--resume", "--match", "other*").failed(t, 5, "--match", "other*")
		dump("--resume", "--type", "zset").failed(t, 5, "choice of types")
		dump("--resume", "--uri", "redis://127.0.0.1:1").failed(t, 75, "127.0.0.1:1")
		dump("--resume", "--pass", password).failed(t, 2, "needs --uri as well, or --tls")
		if r := dump("--resume"); r.code != 0 {
			t.Errorf("%q: %s", flags, r.stderr)
		}
	}
	base, chain := filepath.Join(t.TempDir(), "base"), t.TempDir()
	delta := filepath.Join(chain, "000001")
	for _, args := range [][]string{{"--out", base, "--match", "s*"}, {"--out", delta, "--base", base}} {
		if r := runCommand(append([]string{"dump", "--quiet", "--uri", s.Addr()}, args...)...); r.code != 0 {
			t.Fatal(r.stderr)
		}
	}
	unfinished(delta)
	runCommand("dump", "--out", delta, "--resume").failed(t, 2, "is a delta of dump", "say with --base")
	if r := runCommand("dump", "--quiet", "--out", delta, "--resume", "--base", base); r.code != 0 {
		t.Error(r.stderr)
	}
	runCommand("dump", "--out", filepath.Join(t.TempDir(), "nothing"), "--resume", "--port", "1").failed(t, 75, ":1")
}
