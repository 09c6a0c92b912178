package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestNextIsWhole: what is said to be next has what the command needs: where databases go, which
// type of a name counts, the base of deltas; and behind a rollback the flags that the load had.
func TestNextIsWhole(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "0"), hash("a", "f", "v")}, []format.Record{text("a", "1")})
	one, chain := makeDump(t, []format.Record{text("a", "0")}), filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), one, []format.Record{text("a", "1")})
	m := startTarget(t)
	says := func(next string, args ...string) {
		t.Helper()
		if r := runCommand(args...); r.code != 0 || !strings.Contains(r.stdout+r.stderr, "  next      kvload "+next+"\n") {
			t.Errorf("%q: exit code %d, not %q:\n%s%s", args, r.code, next, r.stdout, r.stderr)
		}
	}
	const load = "load --uri redis://TARGET:6666 --in "
	says(load+dir+" --map-db 0=default,1=TOKEN1 --on-conflict CHOICE", "check", dir)
	says(load+one, "check", one)
	says(load+chain+" --base BASE", "check", chain)
	says(load+archive.DeltaPath(chain, 1)+" --base BASE", "check", archive.DeltaPath(chain, 1))
	at := []string{"--uri", m.Addr(), "--in", dir}
	if r := runCommand(append([]string{"load", "--db", "0", "--on-conflict", "suffix", "--ttl-min", "5s", "--accept", "clock,disk"}, at...)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	says("load "+strings.Join(at, " ")+" --db 0 --on-conflict suffix --ttl-min 5s --accept clock,disk --dry-run", append([]string{"rollback"}, at...)...)
}

// TestNextOfLists: lists of several runs are several files.
func TestNextOfLists(t *testing.T) {
	s := &summary.Summary{Result: summary.Left, Rollback: &summary.Rollback{}}
	for _, list := range []string{"chain/2.load/changed.jsonl", "my chain/1.load/changed.jsonl"} {
		s.AddLeft(summary.LeftOut{Reason: "changed", Keys: 1, Lost: true, List: list})
	}
	if next := afterRollback(nil, s, nil); !slices.Equal(next, []string{"less chain/2.load/changed.jsonl", "less 'my chain/1.load/changed.jsonl'"}) {
		t.Error(next)
	}
	if flags := leftOut(s); flags != nil { // which takes one
		t.Error(flags)
	}
}

// TestNextOfTargets: what is next for each of several targets runs as it stands, with --state and
// after keys were left out that --on-conflict leaves out.
func TestNextOfTargets(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "0"), hash("a", "f", "v"), text("b", "1")})
	args := []string{"load", "--in", dir, "--on-conflict", "first", "--state", filepath.Join(t.TempDir(), "state"), "--json"}
	args = append(args, "--uri", startTarget(t).Addr(), "--uri", minitarget.StartKvrocks(t, minitarget.Options{Before: func(p *server.Peer, cmd string, _ ...string) bool {
		if cmd == "CLUSTER" { // the ids of nodes are those of each miniredis
			p.WriteError("ERR Cluster mode is not enabled")
		}
		return cmd == "CLUSTER"
	}}).Addr())
	next := func(code int, args ...string) []string {
		t.Helper()
		r := runCommand(args...)
		var s summary.Summary
		if err := json.Unmarshal([]byte(r.stdout[strings.Index(r.stdout, "{"):]), &s); err != nil || r.code != code {
			t.Fatalf("exit code %d, next %q, %v\n%s%s", r.code, s.Next, err, r.stdout, r.stderr)
		}
		return s.Next
	}
	args = strings.Fields(strings.TrimPrefix(next(0, append(args, "--dry-run")...)[0], "kvload "))
	if slices.Contains(args, "--resume") || slices.Contains(args, "--dry-run") {
		t.Errorf("behind a dry run %q is next", args)
	}
	loaded := next(3, append(args, "--json")...)
	refused := next(5, append(args, "--json")...) // each is loaded
	for _, next := range slices.Concat(loaded, refused) {
		if r := runCommand(strings.Fields(strings.TrimPrefix(next, "kvload "))...); r.code != 0 {
			t.Errorf("%s: exit code %d\n%s", next, r.code, r.stderr)
		}
	}
	if len(loaded) != 2 || len(refused) != 2 {
		t.Errorf("%q, %q", loaded, refused)
	}
}

// TestNextOfVerify: behind a comparison that a load has not prepared the load is next, or the
// comparison with all that was loaded, with the flags that the command had.
func TestNextOfVerify(t *testing.T) {
	m := startTarget(t)
	dir, chain := makeDump(t, []format.Record{text("a", "0"), hash("h", "f", "v")}), filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, []format.Record{text("a", "1")})
	at := []string{"--uri", m.Addr(), "--in", dir, "--state", filepath.Join(t.TempDir(), "state")}
	says := func(code int, next, command string, more ...string) {
		t.Helper()
		r := runCommand(slices.Concat([]string{command}, at, more)...)
		if r.code != code || next != "" && !strings.Contains(r.stdout+r.stderr, "  next      kvload "+next+"\n") {
			t.Errorf("%s %q: exit code %d, want %d and %q:\n%s%s", command, more, r.code, code, next, r.stdout, r.stderr)
		}
	}
	hook := minitarget.Hook()
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd == "HSET" && !strings.HasPrefix(args[0], "kvload-probe-") {
			c.WriteError("ERR IO error: No space left on device")
			return true
		}
		return hook(c, cmd, args...)
	})
	says(75, "", "load")
	says(4, "load "+strings.Join(at, " ")+" --resume", "verify", "--report", filepath.Join(t.TempDir(), "differs"), "--sample", "99%")
	m.Server().SetPreHook(hook)
	says(0, "", "load", "--resume")
	behind := "verify --uri " + m.Addr() + " --state " + at[5] + " --in " + chain + " --base " + dir
	if r := runCommand("load", "--uri", m.Addr(), "--state", at[5], "--in", chain, "--base", dir); r.code != 0 {
		t.Fatal(r.stderr)
	}
	says(0, behind, "load", "--resume")
	says(4, behind, "load", "--resume", "--verify")
	says(4, behind, "verify")
	says(4, behind, "finish")
	says(5, "rollback --uri "+m.Addr()+" --state "+at[5]+" --in "+chain, "rollback")
	at = strings.Fields(strings.TrimPrefix(behind, "verify "))
	says(0, "", "verify")
}

// TestNextOfChain: what is next behind a load, a dry run and a rollback of deltas has the base, and
// where they save what they take away, and runs as it stands; behind none that was undone nothing.
func TestNextOfChain(t *testing.T) {
	m := startTarget(t)
	dir, root := makeDump(t, []format.Record{text("a", "0")}), t.TempDir()
	chain, undo := filepath.Join(root, "chain"), filepath.Join(root, "undo")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, []format.Record{text("a", "1")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), []format.Record{text("a", "2")})
	next := func(want, says, command string, args ...string) {
		t.Helper()
		r := runCommand(slices.Concat([]string{command, "--uri", m.Addr()}, args)...)
		_, got, has := strings.Cut(r.stdout+r.stderr, "  next      kvload ")
		if got, _, _ = strings.Cut(got, "\n"); r.code != 0 || has != (want != "") || got != want || !strings.Contains(r.stdout+r.stderr, says) {
			t.Fatalf("%s %q: exit code %d, next %q, want %q and %q\n%s%s", command, args, r.code, got, want, says, r.stdout, r.stderr)
		}
	}
	at, places := " --uri "+m.Addr()+" --in ", " --base "+dir+" --undo "+undo
	next("verify"+at+dir, "", "load", "--in", dir)
	next("load"+at+chain+places, "", "load", strings.Fields("--in "+chain+places+" --dry-run")...)
	next("verify"+at+chain+" --base "+dir, "", "load", strings.Fields("--in "+chain+places+" --verify")...)
	next("", "chain     "+chain+": loaded up to delta 2\n", "rollback", "--in", chain, "--to", "10")
	again := "load" + at + chain + " --on-exists replace" + places
	next(again+" --dry-run", "loaded up to delta 1\n", "rollback", "--in", chain, "--to", "1")
	next(again, "", "load", strings.Fields(strings.TrimPrefix(again, "load --uri "+m.Addr())+" --dry-run")...)
	next(again+" --dry-run", "only the base\n", "rollback", "--in", chain)
	next("", "no delta of the chain is loaded into ", "rollback", "--in", chain)
}

// TestNextOfUndoing: what is undone in part is undone to its end, whoever meets it.
func TestNextOfUndoing(t *testing.T) {
	m := startTarget(t)
	dir, root := makeDump(t, []format.Record{text("a", "0")}), t.TempDir()
	chain, undo := filepath.Join(root, "chain"), filepath.Join(root, "undo")
	smalldump.Delta(t, archive.DeltaPath(chain, 1), dir, []format.Record{text("a", "1")})
	smalldump.Delta(t, archive.DeltaPath(chain, 2), archive.DeltaPath(chain, 1), []format.Record{text("a", "2")})
	run := func(code int, next, says string, args ...string) {
		t.Helper()
		r := runCommand(slices.Concat(args[:1], []string{"--uri", m.Addr()}, args[1:])...)
		_, got, _ := strings.Cut(r.stdout+r.stderr, "  next      kvload ")
		if got, _, _ = strings.Cut(got, "\n"); r.code != code || next != "" && got != next || !strings.Contains(r.stdout+r.stderr, says) {
			t.Errorf("%q: exit code %d, next %q, want %d, %q, %q\n%s%s", args, r.code, got, code, next, says, r.stdout, r.stderr)
		}
	}
	begin := func(dump string) {
		j, err := journal.Open(filepath.Join(dump+".load", loadstate.TargetName(m.Addr())), journal.Options{})
		if err = errors.Join(err, j.BeginUndo(), j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	run(0, "", "", "load", "--in", dir)
	run(0, "", "", "load", "--in", chain, "--base", dir, "--undo", undo)
	begin(archive.DeltaPath(chain, 2))
	whole := "rollback --uri " + m.Addr() + " --in " + chain
	run(4, "rollback --uri "+m.Addr()+" --base "+dir+" --in "+chain, "delta 2 is undone in part", "verify", "--in", chain, "--base", dir)
	for _, command := range []string{"load", "follow"} {
		run(5, whole, "is being undone", command, "--in", chain)
	}
	run(0, "", "only the base", "rollback", "--in", chain)
	begin(dir)
	for _, command := range []string{"load", "load --resume", "finish", "verify"} {
		code := 5
		if command == "verify" {
			code = 0
		}
		run(code, "rollback --uri "+m.Addr()+" --in "+dir, "", append(strings.Fields(command), "--in", dir)...)
	}
	run(0, "", "removed 1 key", "rollback", "--in", dir)
}
