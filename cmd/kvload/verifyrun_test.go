package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
)

// ended checks the exit code of a run and what its stdout says.
func (r result) ended(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, want := range says {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("stdout does not say %q:\n%s", want, r.stdout)
		}
	}
}

// TestVerifyMany compares many chunks with many workers, in both directions.
func TestVerifyMany(t *testing.T) {
	var first, second []format.Record
	for i := range 60 {
		first = append(first, text(fmt.Sprintf("a%03d", i), "one"))
		second = append(second, hash(fmt.Sprintf("b%03d", i), "f", "two"))
	}
	expired := text("expired", "x")
	expired.Expire = 1_000_000_000_000
	first = append(first, expired)
	dir := makeDump(t, append(first, second...))
	m := startTarget(t)
	common := []string{"--uri", "redis://" + m.Addr(), "--in", dir, "--quiet", "--threads", "8"}
	run := func(command string, more ...string) result {
		return runCommand(slices.Concat([]string{command}, common, more)...)
	}
	run("load", "--verify").ended(t, exitcode.Done)
	run("verify", "--reverse").ended(t, exitcode.Done, "compared 121 keys", "1 key: expired since")
	run("verify", "--sample", "50%").ended(t, exitcode.Done, "sampled keys differ")
	m.HSet("b007", "f", "three")
	if err := m.Set("extra", "x"); err != nil {
		t.Fatal(err)
	}
	m.Del("a011")
	report := filepath.Join(t.TempDir(), "differs")
	run("verify", "--reverse", "--report", report).ended(t, exitcode.Different, "missing ", "value ", "not in the dump ")
	text, err := os.ReadFile(report)
	if err != nil || strings.Count(string(text), "\n") != 4 {
		t.Errorf("%s, %v", text, err)
	}
	run("verify", "--type", "hash", "--match", "b00*", "--reverse").ended(t, exitcode.Different, "compared 10 keys", "1 key")
	run("verify", "--type", "hash", "--reverse").ended(t, exitcode.Different, "compared 60 keys", "1 key: not in the dump")
	run("verify", "--match", "a02*", "--reverse").ended(t, exitcode.Done)
	run("verify", "--report", filepath.Join(report, "x")).failed(t, exitcode.Refused, "--report")
}

// TestVerifyLost: connections that are lost are made again, and no key is counted or reported
// twice.
func TestVerifyLost(t *testing.T) {
	var records []format.Record
	for i := range 900 {
		records = append(records, text(fmt.Sprintf("a%03d", i), "one"))
	}
	dir := makeDump(t, records, nil)
	m := startTarget(t)
	runCommand("load", "--uri", m.Addr(), "--in", dir, "--quiet").ended(t, exitcode.Done)
	m.Set("a123", "two")
	m.Del("a321")
	p, err := faultproxy.Start(m.Addr(), func(n int) faultproxy.Plan {
		if n == 0 || n > 6 { // the first finds out what the target is
			return faultproxy.Plan{}
		}
		return faultproxy.Plan{ResetAfter: int64(4000 * n)}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	report := filepath.Join(t.TempDir(), "differs")
	verify := []string{"verify", "--uri", p.Addr(), "--in", dir, "--quiet", "--threads", "1", "--report", report}
	r := runCommand(verify...)
	r.ended(t, exitcode.Different, "compared 900 keys")
	if !strings.Contains(r.stderr, "trying again in") || !strings.Contains(r.stderr, "2 of 900 keys differ") {
		t.Error(r.stderr)
	}
	if lines, err := os.ReadFile(report); err != nil || strings.Count(string(lines), "\n") != 2 {
		t.Errorf("%s, %v", lines, err)
	}
	p.SetPlan(func(n int) faultproxy.Plan { return faultproxy.Plan{ResetAfter: 600} })
	if r := runCommand(append(verify, "--retry-for", "0")...); r.code != exitcode.TryAgain {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}

// TestVerifySkipped: keys that the load has left as they were are listed in its report, and are no
// differences to who gives it.
func TestVerifySkipped(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2")})
	m := startTarget(t)
	if err := m.Set("a", "another"); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "left")
	common := []string{"--uri", "redis://" + m.Addr(), "--in", dir, "--quiet"}
	load := runCommand(slices.Concat([]string{"load", "--on-exists", "skip", "--report", left, "--verify"}, common)...)
	load.failed(t, exitcode.LeftOut, "left")
	runCommand(slices.Concat([]string{"verify"}, common)...).ended(t, exitcode.Different, "value")
	runCommand(slices.Concat([]string{"verify", "--left-out", left}, common)...).ended(t, exitcode.Done, "left out by the load")
}
