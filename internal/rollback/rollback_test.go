package rollback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func start(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// A loaded target is one into which records were loaded.
type loaded struct {
	*miniredis.Miniredis
	o Options
}

// loadInto loads records into a target over what is there, which is saved before if save is set.
func loadInto(t *testing.T, m *miniredis.Miniredis, save bool, d smalldump.Options, records []format.Record) *loaded {
	t.Helper()
	l, err := loadSome(t, m, writer.Replace, save, d, records)
	if err != nil && !exitcode.IsEnd(err) {
		t.Fatal(err)
	}
	return l
}

// loadSome is loadInto for a load that may fail.
func loadSome(t *testing.T, m *miniredis.Miniredis, onExists writer.OnExists, save bool, d smalldump.Options, records []format.Record) (*loaded, error) {
	t.Helper()
	l := &loaded{m, Options{Spec: load.Spec{
		Dump: smalldump.Make(t, d, records), Target: writer.Options{Target: target.Options{Addr: m.Addr()}, OnExists: onExists}, Workers: 1,
		Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}}}
	return l, l.load(t, save)
}

// load loads, once more.
func (l *loaded) load(t *testing.T, save bool) error {
	t.Helper()
	o := load.Options{Spec: l.o.Spec, MaxErrors: -1}
	if save {
		o.Undo, o.Tool = filepath.Join(t.TempDir(), "undo"), "test"
	}
	var log bytes.Buffer
	err := load.Run(t.Context(), o, &log, &log)
	t.Log(log.String())
	return err
}

// loadStopped begins a load that the target stops at its first hash: its disk is full.
func loadStopped(t *testing.T, m *miniredis.Miniredis, onExists writer.OnExists, save bool, d smalldump.Options, records []format.Record) *loaded {
	t.Helper()
	allow := refuse(m, "HSET")
	l, err := loadSome(t, m, onExists, save, d, records)
	if err == nil || !strings.Contains(err.Error(), "No space left") {
		t.Fatal(err)
	}
	allow()
	return l
}

// refuse has a target refuse a command until allow is called.
func refuse(m *miniredis.Miniredis, command string) (allow func()) {
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == command && !strings.HasPrefix(args[0], "kvload-probe-") {
			p.WriteError("ERR IO error: No space left on device")
			return true
		}
		return answer(p, cmd, args...)
	})
	return func() { m.Server().SetPreHook(minitarget.Hook()) }
}

// undo undoes the load, and checks that so many keys, changed by others, are left.
func (l *loaded) undo(t *testing.T, left string) (log string) {
	t.Helper()
	var text bytes.Buffer
	l.o.Summary = summary.New("test", "", "rollback")
	err := Run(t.Context(), l.o, &text)
	l.o.Summary.End(err, load.ExitCode(err))
	text.WriteString(l.o.Summary.String())
	var leftOut *exitcode.LeftOutError
	switch {
	case left == "" && err == nil:
	case left == "" || !errors.As(err, &leftOut) || !strings.Contains(leftOut.Text, left):
		t.Errorf("%v, want %q\n%s", err, left, &text)
	}
	return text.String()
}

// holds checks the keys of the target.
func (l *loaded) holds(t *testing.T, keys string) {
	t.Helper()
	if got := strings.Join(l.Keys(), " "); got != keys {
		t.Errorf("the target has %q, want %q", got, keys)
	}
}

// hook lets something happen before a command.
func hook(m *miniredis.Miniredis, command string, do func(p *server.Peer, args []string)) {
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == command {
			do(p, args)
		}
		return answer(p, cmd, args...)
	})
}

func elems(kind format.Kind, key string, names ...string) format.Record {
	r := smalldump.Hash(key, names...)
	r.Kind = kind
	return r
}

const oneChanged = "1 key that others changed since"

// TestChanged: a key is removed if it is as the load left it, and not if it only is of the same
// type and length.
func TestChanged(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	records := []format.Record{
		smalldump.String("expires", "value"), smalldump.String("kept", "value"), smalldump.String("long", long), smalldump.String("s", "value"),
		smalldump.Hash("h", "f", "v", "g", "w"), elems(format.List, "l", "a", "b"), elems(format.Set, "m", "a", "b"),
		{Kind: format.Zset, Key: []byte("z"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte("b")}, Scores: []float64{1, 2}},
	}
	for name, change := range map[string]func(m *miniredis.Miniredis){
		"s":       func(m *miniredis.Miniredis) { m.Set("s", "other") },
		"long":    func(m *miniredis.Miniredis) { m.Set("long", long[1:]+"x") },
		"h":       func(m *miniredis.Miniredis) { m.HSet("h", "g", "other") },
		"l":       func(m *miniredis.Miniredis) { _, _ = m.Pop("l"); _, _ = m.Push("l", "c") },
		"m":       func(m *miniredis.Miniredis) { _, _ = m.SRem("m", "a"); _, _ = m.SAdd("m", "c") },
		"z":       func(m *miniredis.Miniredis) { _, _ = m.ZAdd("z", 3, "a") },
		"expires": func(m *miniredis.Miniredis) { m.SetTTL("expires", time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			l := loadInto(t, start(t), false, smalldump.Options{}, records)
			change(l.Miniredis)
			l.undo(t, oneChanged)
			l.holds(t, name)
			l.o.Force = true
			l.undo(t, "")
			l.holds(t, "")
		})
	}
}

// TestKept: a rollback that kept keys has come to its end: a load begins anew, and finds them.
// Until then it can be run again.
func TestKept(t *testing.T) {
	m := start(t)
	l, err := loadSome(t, m, writer.Fail, false, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "2")})
	if err != nil {
		t.Fatal(err)
	}
	m.Set("b", "since")
	for range 2 {
		l.undo(t, oneChanged)
		l.holds(t, "b")
	}
	if err := l.load(t, false); load.ExitCode(err) != exitcode.Refused || !strings.Contains(err.Error(), "holds 1 key already") {
		t.Errorf("a load over what was kept: %v", err)
	}
	l.o.Target.OnExists = writer.Replace
	if err := l.load(t, false); err != nil {
		t.Error(err)
	}
	l.undo(t, "")
	l.holds(t, "")
	if log := l.undo(t, ""); !strings.Contains(log, "undone already") {
		t.Error(log)
	}
}

// TestOlder: what the target held before is not removed without knowing whether a load that was
// stopped has replaced it.
func TestOlder(t *testing.T) {
	m := start(t)
	m.HSet("h", "f", "older")
	m.HSet("i", "f", "older", "g", "older")
	l := loadStopped(t, m, writer.Replace, false, smalldump.Options{ChunkBytes: 1 << 20}, []format.Record{
		smalldump.Hash("g", "f", noise(90_000)), smalldump.Hash("h", "f", "v", "g", "w"), smalldump.Hash("i", "f", "v", "g", "w"),
	})
	l.undo(t, "2 keys that the load may not have reached before it was stopped: see ")
	l.holds(t, "h i")
	l.o.Force = true
	l.undo(t, "")
	l.holds(t, "")
}

// TestNotReached: what others have written under names that a load, which was stopped, has not come
// to is no part of it. A part of a key is.
func TestNotReached(t *testing.T) {
	m := start(t)
	l := loadStopped(t, m, writer.Fail, false, smalldump.Options{ChunkBytes: 1 << 20}, []format.Record{
		smalldump.Hash("g", "f", noise(9000)), smalldump.Hash("h", "f", "v", "g", "w"), smalldump.Hash("i", "f", "v", "g", "w"), smalldump.Hash("j", "f", "v"),
	})
	m.HSet("h", "of", "others")
	m.HSet("i", "f", "v")
	m.HSet("j", "f", "of others")
	l.undo(t, "2 keys that others changed since")
	l.holds(t, "h j")
}

// TestNotBegun: what others have written under the names of chunks that the load never began is
// theirs, also where it equals the dump or is a part of it, and what was saved under such a name is
// not put back over it.
func TestNotBegun(t *testing.T) {
	for _, save := range []bool{false, true} {
		m := start(t)
		if save {
			m.HSet("h", "f", "older")
		}
		l := loadStopped(t, m, writer.Replace, save, smalldump.Options{}, []format.Record{
			smalldump.Hash("g", "f", noise(9000)), smalldump.Hash("h", "f", "v", "g", "w"), smalldump.Hash("i", "f", "v", "g", "w"),
		})
		m.HSet("h", "f", "v", "g", "w")
		m.HSet("i", "f", "v")
		if log := l.undo(t, ""); !strings.Contains(log, "the load never began 2 chunks of the dump") {
			t.Error(log)
		}
		if h, i := m.HGet("h", "f"), m.HGet("i", "f"); h != "v" || i != "v" {
			t.Errorf("--undo %v: the target has %v, h of %q and i of %q", save, m.Keys(), h, i)
		}
	}
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

// TestSaved: a key that was changed since the load is not overwritten by what was saved.
func TestSaved(t *testing.T) {
	m := start(t)
	m.HSet("h", "f", "older")
	l := loadInto(t, m, true, smalldump.Options{}, []format.Record{smalldump.Hash("h", "f", "v")})
	m.HSet("h", "f", "since") // as many fields as were saved
	l.undo(t, oneChanged)
	if got := m.HGet("h", "f"); got != "since" {
		t.Errorf("the field is %q", got)
	}
}

// TestAsBefore: what is as it was before the load, as after a rollback that was stopped, is not
// written again: what others write to it just then would be lost.
func TestAsBefore(t *testing.T) {
	m := start(t)
	restore := func(keys ...string) {
		for _, key := range keys {
			m.Del(key)
			m.HSet(key, "f", "older", "g", "w")
		}
	}
	restore("g", "h", "i")
	var records []format.Record
	for _, key := range []string{"g", "h", "i", "j"} {
		records = append(records, smalldump.Hash(key, "f", "v"))
	}
	l := loadInto(t, m, true, smalldump.Options{}, records)
	m.Del("g")
	restore("h")
	if log := l.undo(t, ""); !strings.Contains(log, "removed 2 keys and put 2 back") {
		t.Error(log)
	}
	for _, key := range []string{"g", "h", "i"} {
		if got := m.HGet(key, "f"); got != "older" {
			t.Errorf("%s is %q", key, got)
		}
	}
}

// TestWrittenAgain: what others write when the load's key is removed, and what was saved is not put
// back yet, is not overwritten.
func TestWrittenAgain(t *testing.T) {
	m := start(t)
	m.HSet("g", "f", "older")
	m.HSet("h", "f", "older")
	l := loadInto(t, m, true, smalldump.Options{ChunkBytes: 1 << 20}, []format.Record{smalldump.Hash("g", "f", "v"), smalldump.Hash("h", "f", "v")})
	opened := 0
	hook(m, "INFO", func(_ *server.Peer, args []string) {
		if strings.EqualFold(args[0], "server") {
			if opened++; opened == 2 { // to put back
				m.HSet("h", "f", "since")
			}
		}
	})
	for range 2 {
		l.undo(t, oneChanged)
		if g, h := m.HGet("g", "f"), m.HGet("h", "f"); g != "older" || h != "since" {
			t.Errorf("g is %q, h %q", g, h)
		}
	}
}

// TestNeverLoaded: what was saved under a name that the load then left out is not put back over
// what others have written there since.
func TestNeverLoaded(t *testing.T) {
	m := start(t)
	hll := func(key string) format.Record {
		return format.Record{Kind: format.HyperLogLog, Key: []byte(key), Part: format.PartWhole, Value: []byte("registers")}
	}
	for _, key := range []string{"a", "p", "q"} {
		m.Set(key, "old")
	}
	l := loadInto(t, m, true, smalldump.Options{}, []format.Record{smalldump.String("a", "new"), hll("p"), hll("q")})
	m.Set("p", "since")
	l.undo(t, "")
	for key, want := range map[string]string{"a": "old", "p": "since", "q": "old"} {
		if got, _ := m.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// TestRaced: a key that others change between the look at it and its removal is not removed, also
// if the connection is lost then, and if they change it for ever, it is listed.
func TestRaced(t *testing.T) {
	records := []format.Record{smalldump.Hash("g", "f", "v"), smalldump.Hash("h", "f", "v"), smalldump.Hash("i", "f", "v")}
	since := func(m *miniredis.Miniredis, _ *server.Peer) { m.HSet("h", "f", "since") }
	for name, c := range map[string]struct {
		at   string // the command before which it happens
		do   func(m *miniredis.Miniredis, p *server.Peer)
		left string
	}{
		"changed":   {"MULTI", since, "h"},
		"rewritten": {"MULTI", func(m *miniredis.Miniredis, _ *server.Peer) { m.HSet("h", "f", "v") }, "h"},
		"deleted":   {"MULTI", func(m *miniredis.Miniredis, _ *server.Peer) { m.Del("h") }, ""},
		"lost":      {"EXEC", func(m *miniredis.Miniredis, p *server.Peer) { since(m, p); p.Close() }, "h"},
		"nothing":   {"EXEC", func(*miniredis.Miniredis, *server.Peer) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := loadInto(t, start(t), false, smalldump.Options{ChunkBytes: 1 << 20}, records)
			l.o.RetryFor = time.Minute
			n, want := 0, ""
			hook(l.Miniredis, c.at, func(p *server.Peer, _ []string) {
				c.do(l.Miniredis, p)
				n++
			})
			if c.left != "" {
				want = oneChanged
			}
			l.undo(t, want)
			if l.holds(t, c.left); n == 0 {
				t.Errorf("%s did not come", c.at)
			}
		})
	}
}

// TestUnfinished: what a load has sent of a dump as that came is undone, though the dump was never
// finished.
func TestUnfinished(t *testing.T) {
	records := []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1"), smalldump.Hash("h", "f", "v")}
	for _, flush := range []bool{false, true} {
		m := start(t)
		l := &loaded{m, Options{Spec: load.Spec{
			Dump: smalldump.Make(t, smalldump.Options{}, records), Target: writer.Options{Target: target.Options{Addr: m.Addr()}}, Workers: 1,
			Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
		}, Behind: -1, Flush: flush}}
		a, err := archive.Open(t.Context(), l.o.Dump, 1)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
		info := a.Manifest.Info
		info.Source.Version = "4.0.1" // of which names have one type
		data, err := info.Marshal()
		if err = errors.Join(err, os.WriteFile(filepath.Join(l.o.Dump, format.InfoName), data, 0o666), os.Remove(filepath.Join(l.o.Dump, format.ManifestName))); err != nil {
			t.Fatal(err)
		}
		if err := Undo(t.Context(), l.o, io.Discard); !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), "no load of this dump into this target is known") {
			t.Error(err)
		}
		allow := refuse(m, "SET")
		o := load.Options{Spec: l.o.Spec, MaxErrors: -1, Follow: true}
		if err := load.Run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "No space left") {
			t.Fatal(err)
		}
		l.holds(t, "h")
		allow()
		var log bytes.Buffer
		l.o.Summary = summary.New("test", "", "rollback")
		if err := Undo(t.Context(), l.o, &log); err != nil || !strings.Contains(log.String(), "the dump is not finished") || l.o.Summary.Rollback.Removed != 1 {
			t.Errorf("flush %v: %v, %+v\n%s", flush, err, l.o.Summary, &log)
		}
		l.holds(t, "")
	}
}

// TestClearAgain: a target is cleared once: what others have written since the load was undone, or
// a rollback has kept, is theirs.
func TestClearAgain(t *testing.T) {
	for name, undo := range map[string]func(context.Context, Options, io.Writer) error{"cleared": Clear, "undone": Run} {
		for _, changed := range []bool{false, true} {
			l := loadInto(t, start(t), false, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1")})
			if changed {
				l.Set("a", "of others")
			}
			if err := undo(t.Context(), l.o, io.Discard); err != nil && load.ExitCode(err) != exitcode.LeftOut {
				t.Fatal(err)
			}
			kept := len(l.Keys())
			if kept == 0 {
				l.o.Summary = summary.New("test", "", "rollback")
				if err := Clear(t.Context(), l.o, io.Discard); err != nil || l.o.Summary.Rollback.Removed != 0 || !strings.Contains(l.o.Summary.String(), "this load was undone already") {
					t.Errorf("%s: %v\n%v", name, err, l.o.Summary)
				}
			}
			l.Set("app", "live")
			err := Clear(t.Context(), l.o, io.Discard)
			says := []string{"was undone on", progress.Plural(kept+1, "key", "keys") + " of others", "FLUSHDB", map[bool]string{true: "--force", false: "leave it out"}[kept > 0]}
			for _, says := range says {
				if !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), says) || len(l.Keys()) != kept+1 {
					t.Errorf("%s, changed %v: %v does not say %q, %v", name, changed, err, says, l.Keys())
				}
			}
		}
	}
}

// TestClear: only a target that was empty before the load is cleared.
func TestClear(t *testing.T) {
	records := []format.Record{smalldump.String("a", "1")}
	for _, before := range []string{"", "old"} {
		m := start(t)
		if before != "" {
			m.Set(before, "x")
		}
		l := loadInto(t, m, false, smalldump.Options{}, records)
		m.Set("since", "x")
		err := Clear(t.Context(), l.o, io.Discard)
		if before == "" && (err != nil || len(m.Keys()) > 0) || before != "" && (!errors.Is(err, exitcode.ErrRefused) || len(m.Keys()) != 3) {
			t.Errorf("%q: %v, %v", before, err, m.Keys())
		}
	}
}

// TestRestoreElsewhere: a token that was given to another namespace since keys were removed does
// not have them put back into that.
func TestRestoreElsewhere(t *testing.T) {
	m := start(t)
	var undoing, moved atomic.Bool
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == "CLIENT" && strings.EqualFold(args[0], "INFO") {
			p.WriteBulk(map[bool]string{false: "id=1 namespace=one", true: "id=1 namespace=two"}[moved.Load()])
			return true
		}
		if cmd == "DEL" || cmd == "UNLINK" {
			moved.Store(undoing.Load())
		}
		return answer(p, cmd, args...)
	})
	if err := m.Set("a", "before"); err != nil {
		t.Fatal(err)
	}
	l := loadInto(t, m, true, smalldump.Options{}, []format.Record{smalldump.String("a", "new")})
	undoing.Store(true)
	l.o.Summary = summary.New("test", "", "rollback")
	err := Run(t.Context(), l.o, io.Discard)
	if load.ExitCode(err) != exitcode.TryAgain || !strings.Contains(fmt.Sprint(err), `goes to the namespace "two", and not to "one"`) || !moved.Load() {
		t.Errorf("%v", err)
	}
	l.holds(t, "")
	undoing.Store(false)
	moved.Store(false)
	l.undo(t, "")
	l.holds(t, "a")
}
