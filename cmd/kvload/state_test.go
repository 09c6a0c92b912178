package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestStateOfHere: the journal of a dump in the working directory is beside it, not in it.
func TestStateOfHere(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "1")})
	t.Chdir(filepath.Join(dir, "chunks"))
	for _, here := range []string{"..", "../chunks/.."} {
		if r := runCommand("load", "--uri", m.Addr(), "--in", here, "--resume"); r.code != 0 {
			t.Fatalf("%s: exit code %d\n%s", here, r.code, r.stderr)
		}
	}
	t.Chdir(dir)
	if r := runCommand("load", "--uri", m.Addr(), "--in", ".", "--resume"); r.code != 0 || !strings.Contains(r.stderr, "nothing is left to be done") {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	if r := runCommand("check", "."); r.code != 0 {
		t.Error(r.stderr)
	}
	if _, err := os.Stat(dir + ".load"); err != nil {
		t.Error(err)
	}
}

// TestPrefixOfNoText: what a journal holds of a prefix is read back as it was, and no other prefix is like it.
func TestPrefixOfNoText(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []string{"a\xff", "a\xfe", "a\ufffd", `"a\xff"`, `"\"a\\xff\""`, "a", "\u2028é"} {
		data, err := json.Marshal(asText([]byte(p)))
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(data, &back); err != nil || back != asText([]byte(p)) {
			t.Errorf("%q is read back as %q (%v)", asText([]byte(p)), back, err)
		}
		if seen[back] {
			t.Errorf("%q is like another", p)
		}
		seen[back] = true
	}
}
