package extract

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// choose returns a filter.
func choose(t *testing.T, match string, dbs []int, types ...format.Type) filter.Filter {
	t.Helper()
	f := filter.Filter{DBs: dbs, Types: types}
	if err := f.SetMatch(match); err != nil {
		t.Fatal(err)
	}
	return f
}

func open(t *testing.T, dir string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// content returns what a filter chooses of a dump.
func content(t *testing.T, a *archive.Archive, f filter.Filter) string {
	t.Helper()
	var out bytes.Buffer
	x, err := export.New(t.Context(), a, &out, export.Options{Format: export.JSON, Filter: f})
	if err == nil {
		err = x.Cat()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// listed returns the lists of a dump, of what a filter chooses.
func listed(t *testing.T, a *archive.Archive, f filter.Filter) (all []string) {
	t.Helper()
	match := f.Key()
	chosen := func(db int, typ format.Type, key []byte) bool {
		return f.DB(db) && f.Type(typ) && (match == nil || match(key))
	}
	err := a.Skipped(func(k archive.SkippedKey) error {
		if chosen(k.DB, k.Type, k.Key) {
			all = append(all, string(k.Type)+" "+k.Name+" "+k.Reason)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Conflicts(func(k archive.ConflictKey) error {
		if f.Types == nil && len(k.Key) > 0 && chosen(k.DB, k.Types[0], k.Key) { // the golden dump lacks one
			all = append(all, k.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPart: a part holds every chosen key of the golden dump, and the lines of its lists that are
// about them, is sound, and says what it is.
func TestPart(t *testing.T) {
	a := open(t, "../../testdata/golden/v1")
	lines := 0
	for i, f := range []filter.Filter{
		choose(t, "", nil), choose(t, "", []int{2}), choose(t, "", []int{0}, format.TypeHash), choose(t, "", nil, format.TypeList, format.TypeString),
		choose(t, "s*", nil), choose(t, "chain", nil), choose(t, "[km\x00]*", nil), choose(t, "?", []int{0, 2}, format.TypeSet),
	} {
		out := filepath.Join(t.TempDir(), "part")
		m, err := Run(t.Context(), a, out, Options{Filter: f, Tool: "test", Log: io.Discard})
		if m == nil {
			t.Fatal(err)
		}
		if lost, _ := report.Lost(m.Skipped); !exitcode.IsEnd(err) && err != nil || (err != nil) != (lost > 0) {
			t.Errorf("%d: %v", i, err)
			continue
		}
		part := open(t, out)
		all := choose(t, "", nil)
		if got, want := content(t, part, all), content(t, a, f); got != want || got == "" {
			t.Errorf("%d: it holds\n%s\nnot\n%s", i, got, want)
		}
		got, want := listed(t, part, all), listed(t, a, f)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: its lists are %v, not %v", i, got, want)
		}
		lines += len(got)
		if bad, err := part.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(i, err) }); bad > 0 || err != nil {
			t.Errorf("%d: %d files are damaged, %v", i, bad, err)
		}
		if m.Dump == a.Manifest.Dump || !m.Started.Equal(a.Manifest.Started) || m.Consistency != a.Manifest.Consistency || !reflect.DeepEqual(m.Source, a.Manifest.Source) ||
			!reflect.DeepEqual(m.BinlogAfter, a.Manifest.BinlogAfter) || m.Options.Match != cmp.Or(f.Match, a.Manifest.Options.Match) || f.Match == "" && f.DBs == nil && f.Types == nil && m.Expired != a.Manifest.Expired {
			t.Errorf("%d: its manifest is %+v", i, m.Info)
		}
	}
	if lines == 0 {
		t.Error("no list had a line: nothing was compared")
	}
}

// TestOptions: what a part states holds; where one pattern cannot state it, it is refused.
func TestOptions(t *testing.T) {
	for _, tc := range []struct {
		base  format.Options
		f     filter.Filter
		match string // empty: refused
	}{
		{base: format.Options{}, f: choose(t, "a*", nil), match: "a*"},
		{base: format.Options{Match: "a*"}, f: choose(t, "a*", nil), match: "a*"},
		{base: format.Options{Match: "a*"}, f: choose(t, "", nil), match: "a*"},
		{base: format.Options{Match: "a*"}, f: choose(t, "ab?", nil), match: "ab?"},
		{base: format.Options{Match: `a\*\[*`}, f: choose(t, `a\*\[x`, nil), match: `a\*\[x`},
		{base: format.Options{Match: "*"}, f: choose(t, "*x", nil), match: "*x"},
		{base: format.Options{Match: "a*"}, f: choose(t, "[a]b", nil)},
		{base: format.Options{Match: "a*"}, f: choose(t, "*b", nil)},
		{base: format.Options{Match: "a?"}, f: choose(t, "ab", nil)},
		{base: format.Options{Match: "a*b*"}, f: choose(t, "axbx", nil)},
		{base: format.Options{LimitKeys: 5}, f: choose(t, "a*", nil)},
		{base: format.Options{Sample: 0.5}, f: choose(t, "a*", nil), match: "a*"},
		{base: format.Options{}, f: choose(t, "", []int{7})},
		{base: format.Options{}, f: choose(t, "", nil, format.TypeZset)},
	} {
		m := &format.Manifest{Info: format.Info{Options: tc.base}}
		m.Options.Databases, m.Options.Types = []int{0, 3}, []format.Type{format.TypeString, format.TypeHash}
		o, err := narrowed(m, &tc.f)
		if tc.match == "" && !errors.Is(err, exitcode.ErrRefused) || tc.match != "" && (err != nil || o.Match != tc.match) {
			t.Errorf("%+v, %+v: %+v, %v", tc.base, tc.f, o, err)
		}
	}
}

// TestRefusedLeavesNothing: where no key is chosen, no directory is made.
func TestRefusedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := Run(t.Context(), open(t, "../../testdata/golden/v1"), filepath.Join(dir, "a", "b"), Options{Filter: choose(t, "no such key", nil)})
	if left, _ := os.ReadDir(dir); !errors.Is(err, exitcode.ErrRefused) || len(left) > 0 {
		t.Errorf("%v, %v", err, left)
	}
}

// TestStopped: what a run that was stopped has left is made anew, but only of the same part.
func TestStopped(t *testing.T) {
	a := open(t, "../../testdata/golden/v1")
	out := filepath.Join(t.TempDir(), "part")
	ctx, stop := context.WithCancelCause(t.Context())
	var log bytes.Buffer
	o := Options{Filter: choose(t, "s*", nil), Tool: "test", Log: &log}
	o.Archive.Sealed = func() { stop(context.DeadlineExceeded) }
	if _, err := Run(ctx, a, out, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	other := o
	other.Filter, other.Archive.Sealed = choose(t, "z*", nil), nil
	if _, err := Run(t.Context(), a, out, other); !errors.Is(err, archive.ErrExists) {
		t.Errorf("another part goes there: %v", err)
	}
	o.Archive.Sealed = nil
	if _, err := Run(t.Context(), a, out, o); err != nil || !strings.Contains(log.String(), "made anew") {
		t.Errorf("%v: %s", err, &log)
	}
	if got, want := content(t, open(t, out), choose(t, "", nil)), content(t, a, o.Filter); got != want {
		t.Errorf("it holds\n%s", got)
	}
	if _, err := Run(t.Context(), a, out, o); !errors.Is(err, archive.ErrExists) {
		t.Errorf("a finished one is overwritten: %v", err)
	}
	none := filepath.Join(t.TempDir(), "none")
	o.Filter = choose(t, "nothing*", nil)
	if _, err := Run(t.Context(), a, none, o); !errors.Is(err, exitcode.ErrRefused) {
		t.Errorf("a part without keys: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(none, "*.json")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestUnlisted: streams that could not be listed, of which only the beginning of the names is
// known, are said in a part that may lack them.
func TestUnlisted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dump")
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}
	w, err := archive.Create(t.Context(), dir, format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: []format.Type{format.TypeStream}}), archive.Options{ChunkBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	seg := w.Segment(0, format.TypeStream, nil)
	stream := func(key string) error {
		return seg.Record(&format.Record{Kind: format.Stream, Key: []byte(key), Part: format.PartWhole, State: new(format.StreamState)})
	}
	err = errors.Join(seg.Skip([]byte("use"), "unlisted", ""), seg.Skip([]byte("user:1"), "gone", ""), stream("user:2"), stream("user:3"),
		seg.Skip([]byte("user:3:x"), "unlisted", ""), seg.Skip([]byte("v"), "unlisted", ""), seg.Close(nil))
	if err == nil {
		_, err = w.Finish(nil, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	m, err := Run(t.Context(), open(t, dir), filepath.Join(t.TempDir(), "part"), Options{Filter: choose(t, "user:[3-9]*", nil), Tool: "test", Log: io.Discard})
	if want := []format.Reason{{Reason: "unlisted", Keys: 2}}; !exitcode.IsEnd(err) || !reflect.DeepEqual(m.Skipped, want) || report.Sum(m.Totals).Keys != 1 {
		t.Errorf("%v, %+v", err, m)
	}
}
