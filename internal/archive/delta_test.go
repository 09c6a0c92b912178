package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// deltaOf returns the Info of the delta of that number that follows a dump.
func deltaOf(after *format.Info, number int) format.Info {
	base := after.Dump
	if after.Delta != nil {
		base = after.Delta.Base
	}
	return format.NewDelta("test", time.Now(), after.Source, after.Options, format.Delta{
		Base: base, After: after.Dump, Number: number, Made: format.MadeByScan, Until: time.Now(),
	})
}

func deleted(key string) format.Record {
	return format.Record{Kind: format.Deleted, Key: []byte(key), Part: format.PartWhole}
}

// TestDelta: a delta is written and read back with what it deletes, has no conflicts in what is
// deleted, and is refused where a full dump is asked for.
func TestDelta(t *testing.T) {
	base := format.NewInfo("test", time.Now(), format.Source{Server: "pika", Version: "3.5.5", Databases: 1},
		format.Options{Databases: []int{0}, Types: format.Types})
	info := deltaOf(&base, 1)
	dir := filepath.Join(t.TempDir(), "delta")
	w, err := Create(t.Context(), dir, info, Options{})
	if err != nil {
		t.Fatal(err)
	}
	two := func(k format.Kind) format.Record {
		return format.Record{Kind: k, Key: []byte("two"), Part: format.PartWhole, Elems: [][]byte{[]byte("a"), []byte("b")}}
	}
	for _, typ := range format.Types {
		s := w.Segment(0, typ, nil)
		recs := []format.Record{deleted("gone"), deleted("two")}
		switch typ {
		case format.TypeSet:
			recs[1] = two(format.Set)
		case format.TypeList:
			recs[1] = two(format.List)
		}
		for i := range recs {
			if err := s.Record(&recs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Finish(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if m.Version != format.Version2 || m.Conflicts != 1 || m.Totals[0].Deleted != 2 || m.Totals[2].Deleted != 1 || m.Totals[2].Keys != 1 {
		t.Errorf("manifest %+v", m)
	}
	if _, err := Open(t.Context(), dir, 1); !errors.Is(err, ErrDelta) || !strings.Contains(err.Error(), base.Dump) {
		t.Errorf("opened as a full dump: %v", err)
	}
	if _, err := Follow(t.Context(), dir, 1, func(string) {}); !errors.Is(err, ErrDelta) {
		t.Errorf("followed as a full dump: %v", err)
	}
	a, err := OpenAny(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if bad, err := a.Check(context.Background(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Errorf("%d bad, %v", bad, err)
	}
	found := ""
	for _, key := range []string{"gone", "two", "zero"} {
		if err := a.Find(0, []byte(key), func(r *format.Record) error { found += r.Kind.String() + " "; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if want := strings.Repeat("deleted ", 6) + "deleted deleted list deleted set deleted "; found != want {
		t.Errorf("found %q, want %q", found, want)
	}
	keys := ""
	if err := a.Keys(0, allChunks, func(key []byte, types []format.Type) error { keys += fmt.Sprintf("%s %v", key, types); return nil }); err != nil || keys != "two [list set]" {
		t.Errorf("keys %q, %v", keys, err)
	}
	for _, edit := range []func(*format.Delta){
		func(d *format.Delta) { d.Base, d.After = strings.Repeat("a", 32), strings.Repeat("a", 32) },
		func(d *format.Delta) { d.Number, d.After = 2, strings.Repeat("b", 32) },
		func(d *format.Delta) { d.Made = format.MadeByBinlog },
	} {
		other, d := info, *info.Delta
		edit(&d)
		other.Delta = &d
		if _, err := Resume(t.Context(), dir, other, Options{}, func(string) {}); !errors.Is(err, ErrDiffers) {
			t.Errorf("resumed as %+v: %v", d, err)
		}
	}
	if _, err := Resume(t.Context(), dir, base, Options{}, func(string) {}); !errors.Is(err, ErrDiffers) {
		t.Errorf("resumed as a full dump: %v", err)
	}
}

// TestChunkOfAnotherDump: a chunk of the same size and name that another dump left is refused,
// whichever way it is read.
func TestChunkOfAnotherDump(t *testing.T) {
	var dirs []string
	for range 2 {
		info := format.NewInfo("test", time.Now(), format.Source{}, format.Options{Databases: []int{0}, Types: []format.Type{format.TypeSet}})
		dir := filepath.Join(t.TempDir(), "dump")
		w, err := Create(t.Context(), dir, info, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := w.Segment(0, format.TypeSet, nil)
		if err := errors.Join(s.Record(&format.Record{Kind: format.Set, Key: []byte("k"), Part: format.PartWhole, Elems: [][]byte{[]byte("m")}}), s.Close(nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Finish(nil, false); err != nil {
			t.Fatal(err)
		}
		w.Close()
		dirs = append(dirs, dir)
	}
	name := filepath.FromSlash(format.ChunkName(0, format.TypeSet, 1))
	data, err := os.ReadFile(filepath.Join(dirs[0], name))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(filepath.Join(dirs[1], name))
	if err != nil || len(old) != len(data) || bytes.Equal(old, data) {
		t.Fatalf("%d and %d bytes, %v", len(data), len(old), err)
	}
	if err := os.WriteFile(filepath.Join(dirs[1], name), data, 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), dirs[1], 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	_, err1 := a.OpenChunk(a.Manifest.Chunks[0])
	err2 := a.Find(0, []byte("k"), func(*format.Record) error { return nil })
	for _, err := range []error{err1, err2} {
		if _, ok := errors.AsType[*format.CorruptError](err); !ok {
			t.Errorf("read: %v", err)
		}
	}
}
