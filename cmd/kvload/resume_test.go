package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestResume: an unfinished load is not begun anew unasked, and goes on when asked.
func TestResume(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("h", "f", "v")})
	state := filepath.Join(t.TempDir(), "state")
	refuse := true
	var mu sync.Mutex
	addr := startFake(t, "HSET", func(c redcon.Conn, _ <-chan struct{}) {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			c.WriteError("ERR write command not allowed when reached max-db-size.")
			return
		}
		c.WriteInt(1)
	})
	load := func(flags ...string) result {
		return runCommand(append([]string{"load", "--uri", addr, "--in", dir, "--state", state, "--threads", "1"}, flags...)...)
	}
	load().failed(t, 75, "max-db-size: raise it", "--resume", state)
	load().failed(t, 5, "is not finished", "--resume", "kvload rollback", state)
	load("--on-exists", "replace", "--key-prefix-add", "x").failed(t, 5, "is not finished", "--resume", "kvload rollback", state)
	load("--resume", "--on-exists", "replace").failed(t, 5, `--on-exists was "fail", and is "replace" now`)
	other := makeDump(t, []format.Record{text("a", "1")})
	runCommand("load", "--uri", addr, "--in", other, "--state", state, "--resume").failed(t, 5, "the dump was", "another place with --state")
	mu.Lock()
	refuse = false
	mu.Unlock()
	// The fake is empty for SCAN, as a target that was cleared is.
	load("--resume").failed(t, 5, "was it emptied?", state)
}

// TestResumeExpired: a target that is empty because all that was loaded has expired is none that
// was emptied.
func TestResumeExpired(t *testing.T) {
	k := startKvrocks(t)
	a := text("a", "1")
	a.Expire = time.Now().Add(time.Hour).UnixMilli()
	load := []string{"load", "--uri", k.Addr(), "--in", makeDump(t, []format.Record{a, hash("h", "f", "v")}), "--threads", "1"}
	k.change(func() { k.full = true })
	runCommand(load...).failed(t, 75, "No space left")
	if k.Del("a"); len(k.Keys()) > 0 {
		t.Fatal(k.Keys())
	}
	k.change(func() { k.full = false })
	k.SetTime(time.Now().Add(2 * time.Hour))
	if r := runCommand(append(load, "--resume", "--accept", "clock")...); r.code != 0 || !strings.Contains(r.stderr, ": 1 key is loaded") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
}

// TestFinished: a load that is done says so.
func TestFinished(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "1")})
	load := func(flags ...string) result {
		return runCommand(append([]string{"load", "--uri", m.Addr(), "--in", dir}, flags...)...)
	}
	if r := load("--resume"); r.code != 0 {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	if r := load("--resume"); r.code != 0 || !strings.Contains(r.stderr, "nothing is sent") || !strings.Contains(r.stderr, "loaded 1 key") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	if r := load("--resume", "--verify"); r.code != 0 || !strings.Contains(r.stderr, "compared 1 key") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	m.Set("a", "2") // as if the run that loaded was killed while it compared
	if r := load("--resume", "--verify"); r.code != 4 || !strings.Contains(r.stderr, "1 of 1 key differs") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	load().failed(t, 5, "holds 1 key")
	if r := load("--on-exists", "replace"); r.code != 0 || !strings.Contains(r.stderr, "once more") || !strings.Contains(r.stderr, "is kept as") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
}

// TestRollbackUndo: what another load has saved is not put back.
func TestRollbackUndo(t *testing.T) {
	m := startTarget(t)
	flags := []string{"--uri", m.Addr(), "--in", makeDump(t, []format.Record{text("a", "1")})}
	if r := runCommand(append([]string{"load"}, flags...)...); r.code != 0 {
		t.Fatalf("%d: %s", r.code, r.stderr)
	}
	other := makeDump(t, []format.Record{text("a", "2")})
	runCommand(append([]string{"rollback", "--undo", other}, flags...)...).failed(t, 5, "had no --undo", other)
	if v, _ := m.Get("a"); v != "1" {
		t.Errorf("a is %q", v)
	}
	if r := runCommand(append([]string{"rollback"}, flags...)...); r.code != 0 || m.Exists("a") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	if help := runCommand("rollback", "--help").stdout; strings.Contains(help, "--max-errors") || !strings.Contains(help, "put back what load --undo saved") {
		t.Error(help)
	}
}

// TestInterruptUnanswered: a signal ends a load whose target does not answer, long before the
// timeout.
func TestInterruptUnanswered(t *testing.T) {
	waiting := make(chan struct{}, 9)
	addr := startFake(t, "HSET", func(_ redcon.Conn, over <-chan struct{}) {
		waiting <- struct{}{}
		<-over
	})
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command(self, "load", "--uri", addr, "--in", dir, "--timeout", "1h", "--stall-timeout", "0")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-waiting
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "--resume") {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// TestTwoLoads: a load sees at the target that another run loads the same dump, with a journal of
// its own: it writes nothing, and can when that is gone.
func TestTwoLoads(t *testing.T) {
	m := startTarget(t)
	var lists []format.Record
	for i := range 30 {
		lists = append(lists, format.Record{Kind: format.List, Key: fmt.Appendf(nil, "l%02d", i), Part: format.PartWhole, Elems: [][]byte{{'a'}, {'b'}}})
	}
	dir := makeDump(t, lists)
	load := func(state, how string) []string {
		return []string{"load", "--uri", m.Addr(), "--in", dir, "--on-exists", how, "--state", filepath.Join(dir+".of", state+how)}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"skip", "replace"} {
		m.FlushAll()
		cmd := exec.Command(self, append(load("one", how), "--rate-keys", "1")...)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for !slices.ContainsFunc(m.Keys(), func(key string) bool { return strings.HasPrefix(key, "l") }) {
			time.Sleep(5 * time.Millisecond)
		}
		runCommand(load("two", how)...).failed(t, 11, "another run loads this dump into target", "CLIENT KILL ID")
		if n := len(m.Keys()); n > 20 {
			t.Errorf("--on-exists %s: %d lists are there", how, n)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if r := runCommand(load("two", how)...); r.code != 0 && (r.code != 3 || how != "skip") {
			t.Errorf("--on-exists %s: exit code %d\n%s", how, r.code, r.stderr)
		}
		for _, l := range lists {
			if v, err := m.List(string(l.Key)); err != nil || len(v) != 2 {
				t.Errorf("--on-exists %s: %s is %v, %v", how, l.Key, v, err)
			}
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
