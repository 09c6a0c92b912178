package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestResultNotWritten: a command that has printed its result where it cannot be kept has failed,
// whichever it is.
func TestResultNotWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("NO /dev/full: a full disk is not tested")
	}
	defer full.Close()
	m := startTarget(t)
	base, chain := goldenCopy(t)
	dir := makeDump(t, []format.Record{text("a", "1")})
	target := []string{"--uri", m.Addr(), "--in", dir}
	if r := runCommand(append([]string{"load"}, target...)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	for _, args := range [][]string{
		append([]string{"verify"}, target...), append([]string{"verify", "--json"}, target...), append([]string{"finish"}, target...), append([]string{"load", "--resume", "--json"}, target...),
		{"load", "--dry-run", "--uri", m.Addr(), "--in", makeDump(t, []format.Record{text("b", "1")}), "--on-exists", "replace"},
		{"check", dir}, {"check", "--json", dir}, {"check", chain}, {"inspect", dir}, {"inspect", chain}, {"inspect", "--json", chain}, {"stats", dir}, {"stats", "--json", base},
		{"ls", dir}, {"cat", dir}, {"get", dir, "a"}, {"pack", dir}, {"merge", "--json", "--out", filepath.Join(t.TempDir(), "out"), base, chain},
		{"extract", "--json", "--out", filepath.Join(t.TempDir(), "part"), dir}, append([]string{"rollback", "--json"}, target...),
		{"print-config", "load"}, {"version"}, {"version", "--json"}, {"completion", "bash"}, {"--help"}, {"check", "--help"}, {"help", "merge"}, {"inspect", "--json", "nosuch"},
	} {
		var stderr bytes.Buffer
		code := run(append([]string{"kvload"}, args...), strings.NewReader(""), full, &stderr)
		if args[len(args)-1] == "nosuch" { // its own error counts
			if code != 10 {
				t.Errorf("%q: exit code %d\n%s", args, code, &stderr)
			}
			continue
		}
		if code != 75 || !strings.Contains(stderr.String(), "no space left on device") || !strings.Contains(stderr.String(), "the disk is full") {
			t.Errorf("%q: exit code %d\n%s", args, code, &stderr)
		}
	}
	r, unread, err := os.Pipe() // whose reader has ended, as head does
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	r.Close()
	for _, args := range [][]string{{"check", dir}, {"inspect", dir}, {"stats", dir}, {"version"}, {"--help"}} {
		var stderr bytes.Buffer
		if code := run(append([]string{"kvload"}, args...), strings.NewReader(""), unread, &stderr); code != 0 {
			t.Errorf("%q: exit code %d\n%s", args, code, &stderr)
		}
	}
}
