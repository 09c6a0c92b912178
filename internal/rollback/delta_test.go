package rollback

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// withDelta loads records, and a delta behind them if it has changes, which saves what it takes
// away if save is set.
func withDelta(t *testing.T, save bool, records, changes []format.Record) (base, delta *loaded) {
	t.Helper()
	byKey := func(x, y format.Record) int { return bytes.Compare(x.Key, y.Key) }
	slices.SortStableFunc(records, byKey)
	slices.SortStableFunc(changes, byKey)
	m := start(t)
	base = &loaded{m, Options{Spec: load.Spec{
		Dump: smalldump.Make(t, smalldump.Options{}, records), Workers: 1,
		Rewrite: rewrite.Options{Conflict: rewrite.Suffix, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}}}
	base.o.Target.Target.Addr = m.Addr()
	if err := base.load(t, false); err != nil {
		t.Fatal(err)
	}
	if delta = base.follow(t, 1); changes == nil {
		return base, delta
	}
	smalldump.Delta(t, delta.o.Dump, base.o.Dump, changes)
	if err := delta.load(t, save); err != nil && !exitcode.IsEnd(err) {
		t.Fatal(err)
	}
	return base, delta
}

// follow returns the load of a delta behind one of a base.
func (l *loaded) follow(t *testing.T, number int) *loaded {
	t.Helper()
	d := *l
	d.o.Base, d.o.Dump = l.o.Dump, filepath.Join(t.TempDir(), "00000"+string(rune('0'+number)))
	return &d
}

// TestDelta: what a delta has replaced and deleted comes back, what it has created goes, names with
// a suffix too, and it can be loaded and undone again.
func TestDelta(t *testing.T) {
	records := []format.Record{
		smalldump.String("a", "1"), smalldump.String("gone", "1"), elems(format.List, "list", "x", "y"), smalldump.String("stays", "1"),
		smalldump.Hash("two", "f", "v"), smalldump.String("two", "1"), smalldump.Hash("was", "f", "v"), smalldump.String("was", "1"),
	}
	changes := []format.Record{
		smalldump.Hash("a", "f", "v"), smalldump.Deleted("gone"), elems(format.List, "list", "z"), smalldump.String("new", "1"),
		smalldump.Hash("two", "f", "w"), smalldump.Deleted("was"), smalldump.Hash("become", "f", "v"), smalldump.String("become", "1"),
	}
	base, delta := withDelta(t, true, records, changes)
	for range 2 {
		delta.holds(t, "a become become:hash list new stays two")
		before := delta.Dump()
		if err := Run(t.Context(), base.o, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "undo the newest first, with the other flags of this command: kvload rollback --in "+filepath.Dir(delta.o.Dump)) {
			t.Errorf("the base was undone below a delta: %v", err)
		}
		if after := delta.Dump(); after != before {
			t.Errorf("something was undone: %s, before %s", after, before)
		}
		delta.undo(t, "")
		delta.holds(t, "a gone list stays two two:hash was was:hash")
		if l, _ := delta.List("list"); strings.Join(l, "") != "xy" || delta.Type("a") != "string" || delta.HGet("two:hash", "f") != "v" {
			t.Errorf("the list is %v, a is a %s", l, delta.Type("a"))
		}
		if err := delta.load(t, true); err != nil {
			t.Fatal(err)
		}
	}
	delta.undo(t, "")
	base.undo(t, "")
	base.holds(t, "")
}

// TestDeltaChanged: what others have written since a delta is left, and listed, where it has
// deleted a key, too; with Force it is put back.
func TestDeltaChanged(t *testing.T) {
	_, delta := withDelta(t, true, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1"), smalldump.String("c", "1")},
		[]format.Record{smalldump.String("a", "2"), smalldump.Deleted("b"), smalldump.Deleted("c"), smalldump.Deleted("never")})
	delta.Set("a", "others")
	delta.Set("b", "others")
	delta.Set("never", "others")
	delta.undo(t, "2 keys that others changed since")
	for key, want := range map[string]string{"a": "others", "b": "others", "c": "1", "never": "others"} {
		if got, _ := delta.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	delta.o.Force = true
	delta.undo(t, "")
	for key, want := range map[string]string{"a": "1", "b": "1", "c": "1", "never": "others"} {
		if got, _ := delta.Get(key); got != want {
			t.Errorf("with Force %s is %q, want %q", key, got, want)
		}
	}
}

// TestDeltaUnsaved: a delta that saved nothing cannot be undone, and nothing of it is.
func TestDeltaUnsaved(t *testing.T) {
	_, delta := withDelta(t, false, []format.Record{smalldump.String("a", "1")}, []format.Record{smalldump.String("a", "2"), smalldump.String("b", "1")})
	err := Run(t.Context(), delta.o, &bytes.Buffer{})
	if load.ExitCode(err) != exitcode.Refused || !strings.Contains(err.Error(), "without --undo") {
		t.Error(err)
	}
	delta.holds(t, "a b")
}

// TestDeltaStopped: a delta that was stopped while it deleted, or while it wrote, is undone.
func TestDeltaStopped(t *testing.T) {
	records := []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1"), smalldump.Hash("h", "f", "v")}
	changes := []format.Record{smalldump.Deleted("a"), smalldump.String("b", "2"), smalldump.Hash("h", "f", "w"), smalldump.Hash("new", "f", "v")}
	for _, command := range []string{"DEL", "SET", "HSET"} {
		base, delta := withDelta(t, true, records, nil)
		smalldump.Delta(t, delta.o.Dump, base.o.Dump, changes)
		answer := minitarget.Hook()
		delta.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
			if cmd == command && !strings.HasPrefix(args[0], "kvload-probe-") {
				p.WriteError("ERR IO error: No space left on device")
				return true
			}
			return answer(p, cmd, args...)
		})
		if err := delta.load(t, true); err == nil || !strings.Contains(err.Error(), "No space left") {
			t.Fatal(err)
		}
		delta.Server().SetPreHook(minitarget.Hook())
		delta.undo(t, "")
		delta.holds(t, "a b h")
		if b, _ := delta.Get("b"); b != "1" || delta.HGet("h", "f") != "v" {
			t.Errorf("%s: b is %s", command, b)
		}
	}
}
