package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
)

// TestRollbackOlder: what the target held before is not removed for want of knowing whether a load that was stopped has
// replaced it.
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

// TestRollbackChanged: a key is removed if it is as the load left it, and not if it only is of the same type and length.
func TestRollbackChanged(t *testing.T) {
	records := []format.Record{
		text("expires", "value"), text("kept", "value"), text("long", noise(100_000)), text("s", "value"), hash("h", "f", "v", "g", "w"), elems(format.List, "l", "a", "b"), elems(format.Set, "m", "a", "b"),
		{Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte("b")}, Scores: []float64{1, 2}},
	}
	for name, change := range map[string]func(m *miniredis.Miniredis){
		"s":       func(m *miniredis.Miniredis) { m.Set("s", "other") },
		"long":    func(m *miniredis.Miniredis) { m.Set("long", noise(99_999)+"x") },
		"h":       func(m *miniredis.Miniredis) { m.HSet("h", "g", "other") },
		"l":       func(m *miniredis.Miniredis) { _, _ = m.Pop("l"); _, _ = m.Push("l", "c") },
		"m":       func(m *miniredis.Miniredis) { _, _ = m.SRem("m", "a"); _, _ = m.SAdd("m", "c") },
		"z":       func(m *miniredis.Miniredis) { _, _ = m.ZAdd("z", 3, "a") },
		"expires": func(m *miniredis.Miniredis) { m.SetTTL("expires", time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			m := startTarget(t)
			flags := []string{"--uri", m.Addr(), "--in", makeDump(t, records)}
			if r := runCommand(append([]string{"load"}, flags...)...); r.code != 0 {
				t.Fatal(r.stderr)
			}
			change(m)
			runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "1 key was changed by others")
			if got := strings.Join(m.Keys(), " "); got != name {
				t.Errorf("the target has %q", got)
			}
			if r := runCommand(append([]string{"rollback", "--force"}, flags...)...); r.code != 0 || len(m.Keys()) > 0 {
				t.Errorf("exit code %d, %v\n%s", r.code, m.Keys(), r.stderr)
			}
		})
	}
}

// TestRollbackNotReached: what others have written under names that a load, which was stopped, has not come to is no part of it.
// A part of a key is.
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

// TestRollbackNotBegun: what others have written under the names of chunks that the load never began is theirs, also where it
// equals the dump or is a part of it, and what was saved under such a name is not put back over it.
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

// TestRollbackSaved: a key that was changed since it was put back, or before the load came to it, is not overwritten by what was saved.
func TestRollbackSaved(t *testing.T) {
	m := startTarget(t)
	m.HSet("h", "f", "older")
	dir := makeDump(t, []format.Record{hash("h", "f", "v")})
	flags := []string{"--uri", m.Addr(), "--in", dir, "--on-exists", "replace"}
	if r := runCommand(append([]string{"load", "--undo", filepath.Join(t.TempDir(), "undo")}, flags...)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	m.HSet("h", "f", "since") // as many fields as were saved
	runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "1 key was changed by others")
	if got := m.HGet("h", "f"); got != "since" {
		t.Errorf("the field is %q", got)
	}
}

// TestRollbackAsBefore: what is as it was before the load, as after a rollback that was stopped, is not written again: what others
// write to it just then would be lost.
func TestRollbackAsBefore(t *testing.T) {
	m := startTarget(t)
	restore := func(keys ...string) {
		for _, key := range keys {
			m.Del(key)
			m.HSet(key, "f", "older", "g", "w")
		}
	}
	restore("g", "h", "i")
	var records []format.Record
	for _, key := range []string{"g", "h", "i", "j"} {
		records = append(records, hash(key, "f", "v"))
	}
	flags := []string{"--uri", m.Addr(), "--in", makeDump(t, records), "--on-exists", "replace"}
	if r := runCommand(append([]string{"load", "--undo", filepath.Join(t.TempDir(), "undo")}, flags...)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	m.Del("g")
	restore("h")
	if r := runCommand(append([]string{"rollback"}, flags...)...); r.code != 0 || !strings.Contains(r.stderr, "removed 2 keys and put 2 back") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	for _, key := range []string{"g", "h", "i"} {
		if got := m.HGet(key, "f"); got != "older" {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// TestRollbackWrittenAgain: what others write when the load's key is removed, and what was saved is not put back yet, is not
// overwritten.
func TestRollbackWrittenAgain(t *testing.T) {
	m := startTarget(t)
	m.HSet("g", "f", "older")
	m.HSet("h", "f", "older")
	dir := makeDumpOf(t, 1<<20, []format.Record{hash("g", "f", "v"), hash("h", "f", "v")})
	flags := []string{"--uri", m.Addr(), "--in", dir, "--on-exists", "replace"}
	if r := runCommand(append([]string{"load", "--undo", filepath.Join(t.TempDir(), "undo")}, flags...)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	opened := 0
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == "INFO" && strings.EqualFold(args[0], "server") {
			if opened++; opened == 2 { // to put back
				m.HSet("h", "f", "since")
			}
		}
		return answer(p, cmd, args...)
	})
	for range 2 {
		runCommand(append([]string{"rollback"}, flags...)...).failed(t, 3, "1 key was changed by others")
		if g, h := m.HGet("g", "f"), m.HGet("h", "f"); g != "older" || h != "since" {
			t.Errorf("g is %q, h %q", g, h)
		}
	}
}

// TestRollbackLeftOut: a key of which the load left out a part is not taken for one that others have changed.
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
}

// TestUndoThere: what is where --undo is to be made is said, and whether it can be removed.
func TestUndoThere(t *testing.T) {
	m := startTarget(t)
	m.Set("a", "old")
	dir, undo := makeDump(t, []format.Record{text("a", "new")}), makeDump(t, []format.Record{text("a", "old")})
	load := []string{"load", "--uri", m.Addr(), "--in", dir, "--on-exists", "replace", "--undo", undo}
	runCommand(load...).failed(t, 5, undo+" holds a finished dump", "give another directory")
	if err := os.Remove(filepath.Join(undo, format.ManifestName)); err != nil {
		t.Fatal(err)
	}
	runCommand(load...).failed(t, 5, undo+" is not empty", "has written nothing", "can be removed")
	if v, _ := m.Get("a"); v != "old" {
		t.Errorf("a is %q", v)
	}
}

// TestRollbackNeverLoaded: what was saved under a name that the load then left out is not put back over what others have
// written there since.
func TestRollbackNeverLoaded(t *testing.T) {
	m := startTarget(t)
	dir := makeDump(t, []format.Record{text("a", "new"), {Kind: format.HyperLogLog, Key: []byte("p"), Part: format.PartWhole, Value: []byte("registers")},
		{Kind: format.HyperLogLog, Key: []byte("q"), Part: format.PartWhole, Value: []byte("registers")}})
	for _, key := range []string{"a", "p", "q"} {
		m.Set(key, "old")
	}
	flags := []string{"--uri", m.Addr(), "--in", dir, "--on-exists", "replace"}
	runCommand(append([]string{"load", "--undo", filepath.Join(t.TempDir(), "undo")}, flags...)...).failed(t, 3, "2 hyperloglog")
	m.Set("p", "since")
	if r := runCommand(append([]string{"rollback"}, flags...)...); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	for key, want := range map[string]string{"a": "old", "p": "since", "q": "old"} {
		if got, _ := m.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
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

// TestRollbackRaced: a key that others change between the look at it and its removal is not removed, also if the connection
// is lost then, and if they change it for ever, it is listed.
func TestRollbackRaced(t *testing.T) {
	records := []format.Record{hash("g", "f", "v"), hash("h", "f", "v"), hash("i", "f", "v")}
	for name, c := range map[string]struct {
		at   string // the command before which it happens
		do   func(m *miniredis.Miniredis, p *server.Peer)
		code int
		left string
	}{
		"changed": {"MULTI", func(m *miniredis.Miniredis, _ *server.Peer) { m.HSet("h", "f", "since") }, 3, "h"},
		"rewritten": {"MULTI", func(m *miniredis.Miniredis, _ *server.Peer) {
			m.HSet("h", "f", "v")
		}, 3, "h"},
		"deleted": {"MULTI", func(m *miniredis.Miniredis, _ *server.Peer) { m.Del("h") }, 0, ""},
		"lost":    {"EXEC", func(m *miniredis.Miniredis, p *server.Peer) { m.HSet("h", "f", "since"); p.Close() }, 3, "h"},
		"nothing": {"EXEC", func(m *miniredis.Miniredis, p *server.Peer) {}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := startTarget(t)
			flags := []string{"--uri", m.Addr(), "--in", makeDumpOf(t, 1<<20, records), "--threads", "1"}
			if r := runCommand(append([]string{"load"}, flags...)...); r.code != 0 {
				t.Fatal(r.stderr)
			}
			n := 0
			answer := minitarget.Hook()
			m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
				if cmd == c.at {
					c.do(m, p)
					n++
				}
				return answer(p, cmd, args...)
			})
			r := runCommand(append([]string{"rollback"}, flags...)...)
			if got := strings.Join(m.Keys(), " "); r.code != c.code || got != c.left || n == 0 {
				t.Errorf("exit code %d, the target has %q, met %d times\n%s", r.code, got, n, r.stderr)
			}
		})
	}
}
