package rollback

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
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
	spec := load.Spec{
		Dump: smalldump.Make(t, d, records), Target: writer.Options{Target: target.Options{Addr: m.Addr()}, OnExists: writer.Replace}, Workers: 1, Quiet: true,
		Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}
	o := load.Options{Spec: spec, MaxErrors: -1}
	if save {
		o.Undo, o.Tool = filepath.Join(t.TempDir(), "undo"), "test"
	}
	var log bytes.Buffer
	if err := load.Run(t.Context(), o, &log, &log); err != nil && !exitcode.IsEnd(err) {
		t.Fatalf("%v\n%s", err, &log)
	}
	return &loaded{m, Options{Spec: spec}}
}

// undo undoes the load, and checks that so many keys, changed by others, are left.
func (l *loaded) undo(t *testing.T, left string) (log string) {
	t.Helper()
	var text bytes.Buffer
	err := Run(t.Context(), l.o, &text)
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

const oneChanged = "1 key was changed by others"

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
