package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// goldenCopy returns a copy of the golden base and its chain.
func goldenCopy(t *testing.T) (base, chain string) {
	t.Helper()
	dir := t.TempDir()
	base, chain = filepath.Join(dir, "base"), filepath.Join(dir, "chain")
	for from, to := range map[string]string{"v1": base, "v2": chain} {
		if err := os.CopyFS(to, os.DirFS(filepath.Join("..", "..", "testdata", "golden", from))); err != nil {
			t.Fatal(err)
		}
	}
	return base, chain
}

// TestCheckChain: each delta of a chain is checked, and that they follow one another.
func TestCheckChain(t *testing.T) {
	_, chain := goldenCopy(t)
	whole := runCommand("check", chain)
	if whole.code != 0 || !strings.Contains(whole.stdout, "2 deltas") || !strings.Contains(whole.stdout, "delta 2 is the last") {
		t.Errorf("exit code %d\n%s%s", whole.code, whole.stdout, whole.stderr)
	}
	if one := runCommand("check", archive.DeltaPath(chain, 2)); one.code != 0 || !strings.Contains(one.stdout, "delta 2 of base 00112233") {
		t.Errorf("one delta: exit code %d\n%s%s", one.code, one.stdout, one.stderr)
	}
	path := filepath.Join(archive.DeltaPath(chain, 1), filepath.FromSlash(format.ChunkName(0, format.TypeSet, 0)))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if bad := runCommand("check", chain); bad.code != exitcode.Corrupt || !strings.Contains(bad.stderr, path) {
		t.Errorf("damaged: exit code %d\n%s%s", bad.code, bad.stdout, bad.stderr)
	}
	for name, want := range map[string]string{format.ManifestName: "000001 is not finished, and another follows it", format.InfoName: "000001"} {
		if err := os.Remove(filepath.Join(archive.DeltaPath(chain, 1), name)); err != nil {
			t.Fatal(err)
		}
		if bad := runCommand("check", chain); bad.code != exitcode.Corrupt || !strings.Contains(bad.stderr, want) {
			t.Errorf("without %s: exit code %d\n%s%s", name, bad.code, bad.stdout, bad.stderr)
		}
	}
}

// TestCheckUnfinished: a chain that is being written is sound as far as it is finished.
func TestCheckUnfinished(t *testing.T) {
	_, chain := goldenCopy(t)
	if err := os.Remove(filepath.Join(archive.DeltaPath(chain, 2), format.ManifestName)); err != nil {
		t.Fatal(err)
	}
	if got := runCommand("check", chain); got.code != 0 || !strings.Contains(got.stdout, "1 delta ") || !strings.Contains(got.stdout, "delta 2 is not finished") {
		t.Errorf("exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if got := runCommand("inspect", chain); got.code != 0 || !strings.Contains(got.stdout, "delta 2 is not finished") {
		t.Errorf("inspect: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestInspectChain(t *testing.T) {
	_, chain := goldenCopy(t)
	got := runCommand("inspect", chain)
	for _, says := range []string{"chain of 2 deltas of base 00112233445566778899aabbccddeeff", "binlog", "scan", "delta 2 is the last"} {
		if got.code != 0 || !strings.Contains(got.stdout, says) {
			t.Errorf("it does not say %q: exit code %d\n%s%s", says, got.code, got.stdout, got.stderr)
		}
	}
	if got = runCommand("inspect", "--json", chain); got.code != 0 || strings.Count(got.stdout, `"delta": {`) != 2 || !strings.HasPrefix(got.stdout, "[") {
		t.Errorf("--json: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	one := runCommand("inspect", archive.DeltaPath(chain, 1))
	for _, says := range []string{"format version 2", "delta 1 of base 0011", "made from the binlog", "binlog of db2 to: 1 0", "deleted or of another type, counted once for each type: "} {
		if one.code != 0 || !strings.Contains(one.stdout, says) {
			t.Errorf("it does not say %q: exit code %d\n%s%s", says, one.code, one.stdout, one.stderr)
		}
	}
}
