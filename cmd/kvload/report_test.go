package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestReportPage: the page of a dump has its loads and comparisons, which are found beside it, and
// a file that is there is replaced as a whole or not at all.
func TestReportPage(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("user:2", "b"), text("user:<1>", "a"), hash("h", "f", "v")})
	page := filepath.Join(t.TempDir(), "page.html")
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if r := runCommand("report", "--quiet", dir, "--out", page); r.code != 0 || r.stdout != "" {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if got := read(); !strings.Contains(got, "user:&lt;1&gt;") || strings.Contains(got, "Load into") {
		t.Error(got)
	}
	at := []string{"--uri", m.Addr(), "--in", dir, "--quiet"}
	for _, command := range []string{"load", "verify"} {
		if r := runCommand(append([]string{command}, at...)...); r.code != 0 {
			t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
	}
	if r := runCommand("report", "--quiet", dir, "--out", "-", "--lang", "zh"); r.code != 0 || !strings.Contains(r.stdout, "没有遗漏") || !strings.Contains(r.stdout, "校验：一致") {
		t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	state := dir + ".load/" + strings.ReplaceAll(m.Addr(), ":", "_")
	if r := runCommand("report", "--quiet", dir, "--out", page, "--state", state); r.code != 0 {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := runCommand("report", dir, "--out", page); r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "wrote "+page+"\n") {
		t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	whole := read()
	for _, want := range []string{"Load into Redis at " + m.Addr(), "Nothing was left out", ": equal", "Compared 3 keys"} {
		if !strings.Contains(whole, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	runCommand("report", dir).failed(t, 2, "--out is missing")
	runCommand("report", dir, "--out", page, "--lang", "fr").failed(t, 2, `--lang "fr"`)
	if r := runCommand("report", dir, "--out", "-", "--json"); r.code != 2 || !strings.Contains(r.stderr, "name a file for the page") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
	runCommand("report", "--quiet", dir, "--out", page, "--state", t.TempDir()).failed(t, 5, "there is no journal of a load of this dump")
	runCommand("report", "--quiet", dir, "--out", filepath.Join(page, "x")).failed(t, 5, "--out")
	runCommand("report", "--quiet", dir, "--out", filepath.Dir(page)).failed(t, 5, "is a directory")
	edit(t, dir, format.ChunkName(0, format.TypeHash, 1), func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	runCommand("report", "--quiet", dir, "--out", page).failed(t, 13, "checksum mismatch")
	if read() != whole {
		t.Error("what failed has replaced the page")
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(page), ".report-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestReportChain: of a chain with its base what both amount to is counted and shown, of a delta
// what it has.
func TestReportChain(t *testing.T) {
	base, chain := goldenCopy(t)
	page := filepath.Join(t.TempDir(), "page.html")
	read := func(args ...string) string {
		t.Helper()
		if r := runCommand(append([]string{"report", "--quiet", "--out", page}, args...)...); r.code != 0 {
			t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if got := read(chain, "--base", base); !strings.Contains(got, "The dump with deltas up to number 2") || strings.Contains(got, "stored, compressed") {
		t.Error("it does not say which deltas it has")
	}
	if got := read(archive.DeltaPath(chain, 2)); !strings.Contains(got, "Delta 2 of Pika") || !strings.Contains(got, "deleted or of another type, by type") {
		t.Error("it does not say that it is of a delta")
	}
	runCommand("report", chain, "--out", page).failed(t, 10, "stats and report take it with its --base")
	type counts struct{ Keys, Deleted int64 }
	count := func(args ...string) (c counts) {
		t.Helper()
		r := runCommand(append([]string{"stats", "--quiet", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(r.stdout), &c); err != nil {
			t.Fatalf("exit code %d, %s%s: %v", r.code, r.stdout, r.stderr, err)
		}
		return c
	}
	shown := runCommand("cat", "--quiet", "--format", "json", "--base", base, chain).stdout
	if c := count(chain, "--base", base); c.Deleted != 0 || c.Keys != int64(strings.Count(shown, "\n")) {
		t.Errorf("%+v, and cat shows:\n%s", c, shown)
	}
	if c := count(archive.DeltaPath(chain, 1)); c.Deleted == 0 {
		t.Errorf("%+v", c)
	}
}

// TestReportStates: the state of a load into several targets is given as it was to the load.
func TestReportStates(t *testing.T) {
	one, two := startTarget(t), startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "b")})
	states := filepath.Join(t.TempDir(), "states")
	for _, addr := range []string{one.Addr(), two.Addr()} {
		if r := runCommand("load", "--quiet", "--uri", addr, "--in", dir, "--state", filepath.Join(states, loadstate.TargetName(addr))); r.code != 0 {
			t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
	}
	r := runCommand("report", "--quiet", dir, "--state", states, "--out", "-")
	for _, addr := range []string{one.Addr(), two.Addr()} {
		if !strings.Contains(r.stdout, "Load into Redis at "+addr) {
			t.Errorf("exit code %d, %s: nothing of %s", r.code, r.stderr, addr)
		}
	}
	if r := runCommand("report", "--quiet", dir, "--out", "-"); r.code != 0 || strings.Contains(r.stdout, "Load into") {
		t.Errorf("exit code %d, %s: it found what is elsewhere", r.code, r.stderr)
	}
}

// TestReportDeltas: a chain has the load of its base and those of its deltas.
func TestReportDeltas(t *testing.T) {
	m := startTarget(t)
	base := makeDump(t, []format.Record{text("a", "1"), text("b", "1")})
	chain := filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), base, []format.Record{text("a", "2")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), []format.Record{smalldump.Deleted("b")})
	for n, in := range []string{base, archive.DeltaPath(chain, 1), chain} {
		if r := runCommand("load", "--quiet", "--uri", m.Addr(), "--in", in, "--base", base); r.code != 0 {
			t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
		if n == 1 {
			runCommand("verify", "--quiet", "--uri", m.Addr(), "--in", base).ended(t, 4)
		}
		if page := runCommand("report", "--quiet", chain, "--base", base, "--out", "-").stdout; !strings.Contains(page, "Loads of deltas</a>: "+strconv.Itoa(n)+" of 2 finished") || strings.Contains(page, "not equal") {
			t.Error(page)
		}
	}
	doubts := func(of string, boxes, deltas int) {
		t.Helper()
		page := runCommand("report", "--quiet", chain, "--base", base, "--out", "-").stdout
		for tag, n := range map[string]int{"td": deltas, "strong": boxes} {
			if got := strings.Count(page, "It is not known whether the target kept all of it</"+tag); got != n {
				t.Errorf("%s: %d doubts in %s, want %d", of, got, tag, n)
			}
		}
	}
	doubts("loaded", 0, 0)
	for _, of := range []string{base, archive.DeltaPath(chain, 1), archive.DeltaPath(chain, 2)} {
		j, err := journal.Open(of+".load/"+loadstate.TargetName(m.Addr()), journal.Options{})
		if err = errors.Join(err, j.BeUnsure("a test doubts it"), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	doubts("doubted", 1, 2)
	if r := runCommand("verify", "--uri", m.Addr(), "--in", chain, "--base", base); r.code != 0 {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	doubts("compared", 0, 0)
	r := runCommand("report", "--quiet", chain, "--base", base, "--out", "-")
	for _, want := range []string{"Load into Redis at " + m.Addr(), "Loads of deltas</a>: 2 of 2 finished", "The dump with deltas up to number 2"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("exit code %d, %s: it does not say %q", r.code, r.stderr, want)
		}
	}
	hook := minitarget.Hook()
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd == "FLUSHDB" {
			c.Close()
			return true
		}
		return hook(c, cmd, args...)
	})
	flush := []string{"rollback", "--quiet", "--retry-for", "0", "--uri", m.Addr(), "--in", base, "--flush"}
	if r := runCommand(flush...); r.code != 75 {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	r = runCommand("report", "--quiet", chain, "--base", base, "--out", "-")
	if !strings.Contains(r.stdout, "Loads of deltas</a>: 0 of 2 finished") || strings.Count(r.stdout, "It is being undone") < 3 {
		t.Errorf("exit code %d, %s: it does not say that the deltas are being undone", r.code, r.stderr)
	}
	m.Server().SetPreHook(hook)
	if r := runCommand(flush...); r.code != 0 {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	r = runCommand("report", "--quiet", chain, "--base", base, "--out", "-")
	if !strings.Contains(r.stdout, "Loads of deltas</a>: 0 of 2 finished, 2 undone") || strings.Count(r.stdout, "Undone on ") < 3 {
		t.Errorf("exit code %d, %s: it does not say that the deltas are undone", r.code, r.stderr)
	}
}

// TestReportEncrypted: the page of an encrypted dump says that it is not encrypted itself.
func TestReportEncrypted(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key, secret := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(key, []byte(identity.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := makeDump(t, []format.Record{text("a", "1")})
	if r := runCommand("extract", "--quiet", "--encrypt-to", identity.Recipient().String(), "--out", secret, dir); r.code != 0 {
		t.Fatalf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := runCommand("report", "--quiet", secret, "--identity", key, "--out", "-"); r.code != 0 || !strings.Contains(r.stdout, "this page is not") {
		t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	runCommand("report", "--quiet", secret, "--out", "-").failed(t, 12, "--identity FILE")
}
