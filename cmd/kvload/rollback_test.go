package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestRollbackOlder: what the target held before is not removed for want of knowing whether a load
// that was stopped has replaced it.
func TestRollbackOlder(t *testing.T) {
	k := startKvrocks(t)
	dir := makeDumpOf(t, 1<<20, []format.Record{hash("g", "f", noise(90_000)), hash("h", "f", "v", "g", "w"), hash("i", "f", "v", "g", "w")})
	k.HSet("h", "f", "older")
	k.HSet("i", "f", "older", "g", "older")
	flags := []string{"--uri", k.Addr(), "--in", dir, "--on-exists", "replace"}
	k.change(func() { k.full = true })
	load := append([]string{"load", "--threads", "1"}, flags...)
	runCommand(load...).failed(t, 75, "No space left")
	runCommand(append(load, "--resume", "--undo", filepath.Join(t.TempDir(), "undo"))...).failed(t, 5, "was begun without --undo")
	rollback := append([]string{"rollback"}, flags...)
	runCommand(rollback...).failed(t, 3, "or perhaps not reached before it was stopped (2)", "changed.jsonl", "--force")
	if got := strings.Join(k.Keys(), " "); got != "h i" {
		t.Errorf("the target has %s", got)
	}
	if r := runCommand(append(rollback, "--force")...); r.code != 0 || len(k.Keys()) > 0 {
		t.Errorf("exit code %d, %v\n%s", r.code, k.Keys(), r.stderr)
	}
}

// TestRollbackNotReached: what others have written under names that a load, which was stopped, has
// not come to is no part of it. A part of a key is.
func TestRollbackNotReached(t *testing.T) {
	k := startKvrocks(t)
	dir := makeDumpOf(t, 1<<20, []format.Record{hash("g", "f", noise(9000)), hash("h", "f", "v", "g", "w"), hash("i", "f", "v", "g", "w"), hash("j", "f", "v")})
	flags := []string{"--uri", k.Addr(), "--in", dir}
	k.change(func() { k.full = true })
	runCommand(append([]string{"load", "--threads", "1"}, flags...)...).failed(t, 75, "No space left")
	k.HSet("h", "of", "others")
	k.HSet("i", "f", "v")
	k.HSet("j", "f", "of others")
	runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "2 keys were changed by others")
	if got := strings.Join(k.Keys(), " "); got != "h j" {
		t.Errorf("the target has %q", got)
	}
}

// TestRollbackNotBegun: what others have written under the names of chunks that the load never
// began is theirs, also where it equals the dump or is a part of it, and what was saved under such
// a name is not put back over it.
func TestRollbackNotBegun(t *testing.T) {
	records := []format.Record{hash("g", "f", noise(9000)), hash("h", "f", "v", "g", "w"), hash("i", "f", "v", "g", "w")}
	for _, undo := range []bool{false, true} {
		k := startKvrocks(t)
		flags := []string{"--uri", k.Addr(), "--in", makeDump(t, records), "--on-exists", "replace"}
		load := append([]string{"load", "--threads", "1"}, flags...)
		if undo {
			k.HSet("h", "f", "older")
			load = append(load, "--undo", filepath.Join(t.TempDir(), "undo"))
		}
		k.change(func() { k.full = true })
		runCommand(load...).failed(t, 75, "No space left")
		k.change(func() { k.full = false })
		k.HSet("h", "f", "v", "g", "w")
		k.HSet("i", "f", "v")
		r := runCommand(append([]string{"rollback"}, flags...)...)
		if r.code != 0 || !strings.Contains(r.stderr, "the load never began 2 chunks of the dump") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		if h, i := k.HGet("h", "f"), k.HGet("i", "f"); h != "v" || i != "v" {
			t.Errorf("--undo %v: the target has %v, h of %q and i of %q", undo, k.Keys(), h, i)
		}
	}
}

// TestRollbackLeftOut: a key of which the load left out a part is not taken for one that others
// have changed. Once that is deleted the rollback comes to its end, and a load begins anew.
func TestRollbackLeftOut(t *testing.T) {
	k := startKvrocks(t)
	k.config["proto-max-bulk-len"] = "1048576"
	dir := makeDump(t, []format.Record{hash("h", "f", "v", "large", strings.Repeat("x", 1<<20+1)), hash("i", "f", "v", "large", strings.Repeat("x", 1<<20+1))})
	flags := []string{"--uri", k.Addr(), "--in", dir}
	runCommand(append([]string{"load"}, flags...)...).failed(t, 3, "2 refused")
	k.HSet("i", "of", "others")
	runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "1 key was changed by others")
	if got := strings.Join(k.Keys(), " "); got != "i" {
		t.Errorf("the target has %s", got)
	}
	runCommand(append([]string{"load"}, flags...)...).failed(t, 5, "is being undone")
	k.Del("i")
	if r := runCommand(append([]string{"rollback"}, flags...)...); r.code != 0 {
		t.Errorf("once the key is deleted: exit code %d: %s", r.code, r.stderr)
	}
	runCommand(append([]string{"load"}, flags...)...).failed(t, 3, "2 refused")
}

func elems(kind format.Kind, key string, names ...string) format.Record {
	r := hash(key, names...)
	r.Kind = kind
	return r
}

// noise returns text that does not compress well.
func noise(n int) string {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}
