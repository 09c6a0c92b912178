package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// TestStreamUsage: what cannot be done with a stream is refused, with what to do instead.
func TestStreamUsage(t *testing.T) {
	m := startTarget(t)
	load := []string{"load", "--uri", m.Addr()}
	for _, c := range []struct {
		args []string
		says string
	}{
		{append(load, "--in", "-", "--verify"), "kvload unpack"},
		{append(load, "--in", "-", "--dry-run"), "kvload unpack"},
		{append(load, "--in", "-", "--follow"), "as it comes"},
		{append(load, "--in", "-", "--uri", "redis://127.0.0.1:1"), "finished dump"},
		{append(load, "--in", "-", "--shard", "0/2"), "--shard"},
		{[]string{"finish", "--uri", m.Addr(), "--state", "s", "--in", "-"}, "kvload unpack"},
		{append(load, "--in", "-", "--undo", "d", "--on-exists", "replace"), "finished dump"},
		{append(load, "--in", "d", "--follow", "--undo", "d", "--on-exists", "replace"), "finished dump"},
		{[]string{"verify", "--uri", m.Addr(), "--in", "-"}, "kvload unpack"},
		{[]string{"rollback", "--uri", m.Addr(), "--in", "-"}, "kvload unpack"},
		{[]string{"unpack"}, "--out is missing"},
		{[]string{"unpack", "x"}, "not a flag"},
		{[]string{"pack"}, "give one dump"},
	} {
		runCommand(c.args...).failed(t, 2, c.says)
	}
	// Standard input is empty.
	runCommand(append(load, "--in", "-")...).failed(t, 10, "it is empty")
	out := filepath.Join(t.TempDir(), "out")
	runCommand("unpack", "--quiet", "--out", out).failed(t, 10, "it is empty")
	runCommand("pack", "--quiet", "s3://bucket/prefix?nosuch=1").failed(t, 5, "nosuch")
	runCommand("pack", "--quiet", t.TempDir()).failed(t, 10, "no finished dump")
	if m.TotalConnectionCount() > 0 {
		t.Error("there was a connection to the target")
	}
}

// TestPackUnpack: the two commands are each other's reverse; a dump that is damaged is not packed
// to its end.
func TestPackUnpack(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2")})
	r := runCommand("pack", "--quiet", dir)
	if r.code != 0 || !strings.Contains(r.stderr, "done: packed ") {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	out := filepath.Join(t.TempDir(), "out")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"kvload", "unpack", "--out", out}, strings.NewReader(r.stdout), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr.String())
	}
	if again := runCommand("pack", "--quiet", out); again.stdout != r.stdout {
		t.Error("what was unpacked makes another stream")
	}
	if r := runCommand("check", "--quiet", out); r.code != 0 {
		t.Error(r.stderr)
	}
	edit(t, dir, "chunks/db0/string/000001.mpz", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	r = runCommand("pack", "--quiet", dir)
	if r.code != 13 || !strings.Contains(r.stderr, "000001.mpz") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if code := run([]string{"kvload", "unpack", "--quiet", "--out", bad}, strings.NewReader(r.stdout), &stdout, &stderr); code != 10 {
		t.Errorf("exit code %d\n%s", code, stderr.String())
	}
	if left, _ := os.ReadDir(bad); len(left) > 1 { // chunks, an empty directory
		t.Errorf("%v is left", left)
	}
	none := filepath.Join(t.TempDir(), "none")
	code := run([]string{"kvload", "unpack", "--quiet", "--out", none}, strings.NewReader("no stream"), &stdout, &stderr)
	if _, err := os.Stat(none); code == 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exit code %d, %v\n%s", code, err, stderr.String())
	}
}

// streamDump writes a finished dump of a Pika 4, which can be loaded as it comes, and returns its
// directory and its stream.
func streamDump(t *testing.T, dbs []int, records ...format.Record) (dir, stream string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dump")
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "4.0.1", Role: "master", Databases: len(dbs)}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: dbs, Types: []format.Type{format.TypeString, format.TypeHash}})
	w, err := archive.Create(t.Context(), dir, info, archive.Options{ChunkBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, db := range dbs {
		for _, typ := range info.Options.Types {
			seg := w.Segment(db, typ, nil)
			for _, r := range records {
				if db == 0 && typ.Holds(r.Kind) {
					err = errors.Join(err, seg.Record(&r))
				}
			}
			if err := errors.Join(err, seg.Close(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
	return dir, runCommand("pack", "--quiet", dir).stdout
}

// TestLoadStream: what comes through standard input is loaded as it comes, and a second time
// nothing is.
func TestLoadStream(t *testing.T) {
	const keys = 12
	var records []format.Record
	for i := range keys {
		records = append(records, text(fmt.Sprintf("key%02d", i), strings.Repeat("x", 600<<10)))
	}
	dir, stream := streamDump(t, []int{0}, records...)
	m := startTarget(t)
	spool := t.TempDir()
	load := func(stream string, flags ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		args := append([]string{"kvload", "load", "--uri", m.Addr(), "--in", "-", "--spool", spool, "--state", filepath.Join(dir, "..", "state")}, flags...)
		code := run(args, strings.NewReader(stream), &stdout, &stderr)
		if left, _ := os.ReadDir(spool); len(left) > 0 {
			t.Errorf("%v is left in the spool", left)
		}
		return code, stderr.String()
	}
	if code, log := load(stream[:len(stream)-2000]); code != 10 || !strings.Contains(log, "--resume") {
		t.Errorf("cut: exit code %d\n%s", code, log)
	}
	if n := len(m.Keys()); n != keys {
		t.Errorf("%d keys were loaded before the cut", n)
	}
	if code, log := load(stream); code != 5 {
		t.Errorf("without --resume: exit code %d\n%s", code, log)
	}
	if code, log := load(stream, "--resume"); code != 0 || !strings.Contains(log, fmt.Sprintf("loaded %d keys", keys)) {
		t.Errorf("exit code %d\n%s", code, log)
	}
	if code, log := load(stream, "--resume"); code != 0 || !strings.Contains(log, "nothing is left to be done") {
		t.Errorf("exit code %d\n%s", code, log)
	}
}

// TestStreamTypeChanged: a name that got another type while its Pika 4.0 was dumped is known at the
// end, when both types of it may have been loaded: what the target holds is to be compared.
func TestStreamTypeChanged(t *testing.T) {
	hash := format.Record{Kind: format.Hash, Key: []byte("a"), Part: format.PartFirst | format.PartLast, Elems: [][]byte{[]byte("f"), []byte("v")}}
	_, stream := streamDump(t, []int{0}, text("a", "1"), hash)
	var stdout, stderr bytes.Buffer
	args := []string{"kvload", "load", "--uri", startTarget(t).Addr(), "--in", "-", "--state", filepath.Join(t.TempDir(), "state")}
	code := run(args, strings.NewReader(stream), &stdout, &stderr)
	if log := stderr.String(); code != 4 || !strings.Contains(log, "1 name changed type while the dump was made (all in conflicts.jsonl)") {
		t.Errorf("exit code %d\n%s", code, log)
	}
}

// TestStreamEmptyDatabase: a load that was begun before it was known that a database is empty can
// be resumed and undone when it is.
func TestStreamEmptyDatabase(t *testing.T) {
	dir, stream := streamDump(t, []int{0, 1}, text("a", "1"))
	k := startKvrocks(t)
	k.SetPassword(password)
	t.Setenv("REDISCLI_AUTH", password)
	k.AddNamespace("ns1", token)
	k.AddNamespace("ns2", "other")
	t.Setenv("NS1", token)
	t.Setenv("NS2", "other")
	flags := []string{"--uri", k.Addr(), "--map-db", "0=default,1=NS1", "--state", filepath.Join(t.TempDir(), "state")}
	var stdout, stderr bytes.Buffer
	if code := run(append([]string{"kvload", "load", "--in", "-"}, flags...), strings.NewReader(stream), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &stderr)
	}
	for _, command := range [][]string{{"load", "--resume"}, {"finish"}, {"rollback"}} {
		if r := runCommand(append(append(command, "--in", dir), flags...)...); r.code != 0 {
			t.Errorf("%s: exit code %d\n%s", command[0], r.code, r.stderr)
		}
	}
	if n := len(k.Keys()) + len(k.Namespace("ns1").Keys()); n > 0 {
		t.Errorf("%d keys are left", n)
	}
	elsewhere := append(append([]string{"load", "--in", dir}, flags...), "--map-db", "0=NS2", "--resume")
	runCommand(elsewhere...).failed(t, 5, "place of database 0")
}

// TestStreamClock: whether keys of a stream expire is not known, so a clock that is wrong is not
// taken.
func TestStreamClock(t *testing.T) {
	addr := startFake(t, "NOSUCH", nil) // whose clock stands in 1970
	_, stream := streamDump(t, []int{0}, text("a", "1"))
	load := func(flags ...string) result {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"kvload", "load", "--uri", addr, "--in", "-", "--state", filepath.Join(t.TempDir(), "state")}, flags...), strings.NewReader(stream), &stdout, &stderr)
		return result{code, stdout.String(), stderr.String()}
	}
	load().failed(t, 5, "clock", "too long", "--accept clock")
	if r := load("--ttl", "drop"); strings.Contains(r.stderr, "too long") {
		t.Error(r.stderr)
	}
}

// TestNoStream: what is no stream of a dump is said so, and no directory is named to be checked.
func TestNoStream(t *testing.T) {
	for _, args := range [][]string{{"unpack", "--out", filepath.Join(t.TempDir(), "dump")}, {"load", "--uri", "127.0.0.1:1", "--in", "-"}} {
		var stdout, stderr bytes.Buffer
		code := run(append([]string{"kvload"}, args...), strings.NewReader(strings.Repeat("no stream ", 200)), &stdout, &stderr)
		if got := stderr.String(); code != 13 || !strings.Contains(got, "this is no tar of a dump") || strings.Contains(got, "kvload check") {
			t.Errorf("%s: exit code %d\n%s", args[0], code, got)
		}
	}
}
