package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestPrefixNames: what becomes of a name comes back from it.
func TestPrefixNames(t *testing.T) {
	for _, tc := range []struct{ strip, add, key, name string }{
		{"", "new:", "a", "new:a"}, {"", "new:", "", "new:"}, {"old:", "", "old:a", "a"}, {"old:", "", "old:", ""},
		{"old:", "new:", "old:\x00\xff", "new:\x00\xff"}, {"a", "aa", "aaa", "aaaa"},
	} {
		p := prefix{[]byte(tc.strip), []byte(tc.add)}
		name := p.of([]byte(tc.key))
		if name == nil || string(name) != tc.name || string(p.source(name)) != tc.key {
			t.Errorf("%+v: %q, and back %q", tc, name, p.source(name))
		}
	}
	p := prefix{[]byte("old:"), []byte("new:")}
	if p.of([]byte("old")) != nil || p.source([]byte("old:a")) != nil {
		t.Error("a name without the prefix becomes one")
	}
}

// TestPolicyOf: expiries at the edges.
func TestPolicyOf(t *testing.T) {
	const now, far = 1_700_000_000_000, int64(1<<63 - 1)
	for _, tc := range []struct {
		p      ttlPolicy
		expire int64
		want   int64
		short  bool
	}{
		{ttlPolicy{mode: ttlKeep, now: now}, now + 1, now + 1, false},
		{ttlPolicy{mode: ttlKeep, now: now, least: 1e9}, now + 999, now + 999, true},
		{ttlPolicy{mode: ttlKeep, now: now, least: 1e9}, now + 1000, now + 1000, false},
		{ttlPolicy{mode: ttlKeep, now: now, least: 1e9}, now, now, false}, // it is expired
		{ttlPolicy{mode: ttlKeep, now: now, least: 1e9}, 0, 0, false},
		{ttlPolicy{mode: ttlDrop, now: now}, 5, 0, false},
		{ttlPolicy{mode: ttlShift, now: now, shift: 500}, now, now + 500, false},
		{ttlPolicy{mode: ttlShift, now: now, shift: 500, least: 1e9}, now, now + 500, true},
		{ttlPolicy{mode: ttlShift, now: now, shift: 500}, 0, 0, false},
		{ttlPolicy{mode: ttlShift, now: now, shift: 500}, far - 3, far, false},
		{ttlPolicy{mode: ttlShift, now: now, shift: -500}, 3, 1, false}, // clocks that differ
	} {
		if got, short := tc.p.of(tc.expire); got != tc.want || short != tc.short {
			t.Errorf("%+v: %d becomes %d, %v; want %d, %v", tc.p, tc.expire, got, short, tc.want, tc.short)
		}
	}
}

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
