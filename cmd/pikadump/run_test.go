package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/manual"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// asCommand in the environment makes the test binary be pikadump, for the tests that need
// a process of its own.
const asCommand = "TEST_AS_PIKADUMP"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	for _, e := range os.Environ() { // a password of the developer's changes what is tested
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "PIKADUMP_") || name == "REDISCLI_AUTH" {
			os.Unsetenv(name)
		}
	}
	os.Setenv("PIKADUMP_RETRY_FOR", "0") // what is not about it ends at once
	code := m.Run()
	for _, line := range wrongNext {
		fmt.Println("FAIL: what is next cannot be run:", line)
		code = 1
	}
	os.Exit(code)
}

// wrongNext are the commands that were said to be next, by any test, and are none.
var wrongNext []string

// A result is what a run of the command left behind.
type result struct {
	code           int
	stdout, stderr string
}

func runCommand(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(append([]string{"pikadump"}, args...), strings.NewReader(""), &stdout, &stderr)
	wrongNext = append(wrongNext, manual.WrongNext("pikadump", commands(), stdout.String()+stderr.String())...)
	return result{code, stdout.String(), stderr.String()}
}

// password is the right one everywhere, and wrong the wrong one: neither may be shown.
const (
	password = "s3cret%/pw"
	wrong    = "wr0ng#pw"
)

// failed checks that the run ended with the code, and that one line of stderr says why
// with all of says, and nothing secret.
func (r result) failed(t *testing.T, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != "" {
		t.Errorf("stdout has %q", r.stdout)
	}
	var lines []string
	for line := range strings.Lines(r.stderr) {
		if _, text, timed := strings.Cut(line, " pikadump: "); strings.HasPrefix(line, "pikadump: ") || timed && isTime(line[:len(line)-len(text)-len(" pikadump: ")]) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 || len(lines) > 2 { // the error, and a hint
		t.Fatalf("%d lines begin with the name of the command:\n%s", len(lines), r.stderr)
	}
	if last := lines[len(lines)-1]; !strings.HasSuffix(r.stderr, last) {
		t.Errorf("the error does not come last:\n%s", r.stderr)
	}
	for _, want := range says {
		if !strings.Contains(strings.Join(lines, ""), want) {
			t.Errorf("the error does not say %q:\n%s", want, r.stderr)
		}
	}
	for _, secret := range []string{password, wrong} {
		if strings.Contains(r.stderr, secret) {
			t.Errorf("the error shows a password:\n%s", r.stderr)
		}
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "%!") {
		t.Errorf("stderr is not for people:\n%s", r.stderr)
	}
}

// unfinished checks that nothing in dir passes for a finished file of a finished dump.
func unfinished(t *testing.T, dir string) {
	t.Helper()
	for _, name := range files(t, dir) {
		if name == "manifest.json" || strings.HasPrefix(filepath.Base(name), ".tmp-") {
			t.Errorf("the failed run left %s", name)
		}
	}
}

// files returns the names of all files in dir; none if it is not there.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return names
}

// newDir returns where a dump can be made.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "dump") }

// writeFile writes a file in a new directory and returns its path.
func writeFile(t *testing.T, name, data string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDump: the harness above sees a good run as good.
func TestDump(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Password: password})
	out := filepath.Join(t.TempDir(), "new", "dump")
	r := runCommand("dump", "--uri", "redis://"+s.Addr(), "--password-file", writeFile(t, "pw", password+"\n"), "--out", out)
	if r.code != 0 || r.stdout != "" {
		t.Fatalf("exit code %d, stdout %q, stderr:\n%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{"source: Pika 3.5.5", "consistency: ", "done: dumped ", out} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, r.stderr)
		}
	}
	if !strings.Contains(strings.Join(files(t, out), " "), "manifest.json") {
		t.Errorf("no manifest in %v", files(t, out))
	}
	for _, name := range files(t, out) {
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(password)) {
			t.Errorf("%s holds the password", name)
		}
	}
}

// TestNextIsWhole: the load that is said to be next has what it needs.
func TestNextIsWhole(t *testing.T) {
	s := smallpika.StartEmpty(t, pikasim.Options{Databases: 3})
	smallpika.Send(t, s.Addr(), "SET a 1", "SELECT 2", "SET a 2", "HSET a f v")
	base, chain := filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "chain")
	for _, tc := range []struct{ in, next string }{
		{base, " --map-db 0=default,2=TOKEN2 --on-conflict CHOICE"},
		{filepath.Join(chain, "000001"), " --base " + base + " --map-db 0=default,2=TOKEN2"},
	} {
		args := []string{"dump", "--uri", s.Addr(), "--out", tc.in}
		if tc.in != base {
			smallpika.Send(t, s.Addr(), "SET b 1")
			args = append(args, "--base", base)
		}
		if r := runCommand(args...); !strings.Contains(r.stderr, "  next      kvload load --uri redis://TARGET:6666 --in "+tc.in+tc.next+"\n") {
			t.Errorf("exit code %d, not %q:\n%s", r.code, tc.next, r.stderr)
		}
	}
}

// isTime reports whether text is the time with which lines of a log begin.
func isTime(text string) bool {
	_, err := time.Parse("2006-01-02 15:04:05", text)
	return err == nil
}
