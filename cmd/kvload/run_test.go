package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/manual"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// asCommand in the environment makes the test binary be kvload, for the tests that need a
// process of its own.
const asCommand = "TEST_AS_KVLOAD"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	for _, e := range os.Environ() { // a password of the developer's changes what is tested
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "KVLOAD_") || name == "REDISCLI_AUTH" {
			os.Unsetenv(name)
		}
	}
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
	code := run(append([]string{"kvload"}, args...), strings.NewReader(""), &stdout, &stderr)
	wrongNext = append(wrongNext, manual.WrongNext("kvload", commands(), stdout.String()+stderr.String())...)
	return result{code, stdout.String(), stderr.String()}
}

// What may never be shown.
const (
	password = "s3cret%/pw"
	wrong    = "wr0ng#pw"
	token    = "t0ken-of-a-namespace"
)

// failed checks that the run ended with the code, and that one line of stderr, or one for each
// check that failed, says why with all of says, and nothing secret.
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
		if _, text, timed := strings.Cut(line, " kvload: "); strings.HasPrefix(line, "kvload: ") || timed && isTime(line[:len(line)-len(text)-len(" kvload: ")]) {
			lines = append(lines, line)
		} else if len(lines) > 0 && strings.HasPrefix(line, "  ") { // one more check that failed
			lines[len(lines)-1] += line
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
	for _, secret := range []string{password, wrong, token} {
		if strings.Contains(r.stderr, secret) {
			t.Errorf("the error shows a password:\n%s", r.stderr)
		}
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "%!") {
		t.Errorf("stderr is not for people:\n%s", r.stderr)
	}
}

// startTarget starts an empty in-memory target.
func startTarget(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// startScripted starts a target that answers commands, in capitals, with errors (those that
// begin with -) or texts, and the rest as an empty Redis.
func startScripted(t *testing.T, replies map[string]string) *miniredis.Miniredis {
	t.Helper()
	m := miniredis.RunT(t)
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		line := strings.ToUpper(strings.Join(append([]string{cmd}, args...), " "))
		for prefix, reply := range replies {
			if text, isError := strings.CutPrefix(reply, "-"); strings.HasPrefix(line, prefix) && isError {
				c.WriteError(text)
				return true
			} else if strings.HasPrefix(line, prefix) {
				c.WriteBulk(reply)
				return true
			}
		}
		switch line {
		case "INFO SERVER":
			c.WriteBulk("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n")
		case "INFO REPLICATION":
			c.WriteBulk("# Replication\r\nrole:master\r\n")
		case "INFO PERSISTENCE":
			c.WriteBulk("# Persistence\r\nloading:0\r\n")
		default:
			return false
		}
		return true
	})
	return m
}

func text(key, value string) format.Record { return smalldump.String(key, value) }

func hash(key string, elems ...string) format.Record { return smalldump.Hash(key, elems...) }

// makeDump writes a finished dump of strings and hashes, which must be in key order, by
// database, and returns its directory. Each record gets a chunk of its own.
func makeDump(t *testing.T, dbs ...[]format.Record) string {
	t.Helper()
	return smalldump.Make(t, smalldump.Options{}, dbs...)
}

// makeDumpOf is makeDump with chunks of so many bytes.
func makeDumpOf(t *testing.T, chunkBytes int64, dbs ...[]format.Record) string {
	t.Helper()
	return smalldump.Make(t, smalldump.Options{ChunkBytes: chunkBytes}, dbs...)
}

// makeDumpWith is makeDumpOf with options of the dump beside types and databases.
func makeDumpWith(t *testing.T, chunkBytes int64, o format.Options, dbs ...[]format.Record) string {
	t.Helper()
	return smalldump.Make(t, smalldump.Options{ChunkBytes: chunkBytes, Dump: o}, dbs...)
}

// edit changes a file of a dump.
func edit(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	p := filepath.Join(dir, name)
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(bytes.Clone(data))
	if bytes.Equal(data, changed) {
		t.Fatalf("%s: the change changes nothing", name)
	}
	if err := os.WriteFile(p, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// resealed returns a change of a sealed file that puts one text in the place of another
// and seals it anew, as somebody would who means it.
func resealed(from, to string) func([]byte) []byte {
	return func(data []byte) []byte {
		const seal = ",\n  \"sha256\": \""
		body := data[:bytes.LastIndex(data, []byte(seal))]
		body = bytes.Replace(body, []byte(from), []byte(to), 1)
		sum := sha256.Sum256(body)
		return append(body, seal+hex.EncodeToString(sum[:])+"\"\n}\n"...)
	}
}

// TestLoad: the harness above sees a good run as good.
func TestLoad(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("h", "f", "v")})
	r := runCommand("load", "--uri", "redis://"+m.Addr(), "--in", dir)
	if r.code != 0 || r.stdout != "" {
		t.Fatalf("exit code %d, stdout %q, stderr:\n%s", r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stderr, "loaded 3 keys") {
		t.Errorf("stderr:\n%s", r.stderr)
	}
	if got := strings.Join(m.Keys(), " "); got != "a b h" {
		t.Errorf("the target has %s", got)
	}
	if r := runCommand("check", dir); r.code != 0 || !strings.Contains(r.stdout, "done: sound: 3 keys with") || !strings.Contains(r.stdout, " in 7 chunks") {
		t.Errorf("check: exit code %d, %q %s", r.code, r.stdout, r.stderr)
	}
	if r := runCommand("inspect", dir); r.code != 0 || !strings.Contains(r.stdout, "source: Pika 3.5.5") || r.stderr != "" {
		t.Errorf("inspect: exit code %d, %q %s", r.code, r.stdout, r.stderr)
	}
	if r := runCommand("inspect", "--json", dir); r.code != 0 || !strings.Contains(r.stdout, `"chunks": [`) {
		t.Errorf("inspect --json: exit code %d, %q %s", r.code, r.stdout, r.stderr)
	}
}

// isTime reports whether text is the time with which lines of a log begin.
func isTime(text string) bool {
	_, err := time.Parse("2006-01-02 15:04:05", text)
	return err == nil
}
