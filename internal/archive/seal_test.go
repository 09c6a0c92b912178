package archive

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestCheckpoint: a pass that ends early leaves what it had read to a resumed dump, and no more.
func TestCheckpoint(t *testing.T) {
	dir := t.TempDir()
	info := format.NewInfo("test", time.Now(), format.Source{Address: "a:1", Databases: 1},
		format.Options{Databases: []int{0}, Types: []format.Type{format.TypeList}})
	w, err := Create(t.Context(), dir, info, Options{})
	if err != nil {
		t.Fatal(err)
	}
	seg := w.Segment(0, format.TypeList, nil)
	record := func(key string, part format.Part) {
		t.Helper()
		r := format.Record{Kind: format.List, Key: []byte(key), Part: part, Elems: [][]byte{[]byte("x")}}
		if err := seg.Record(&r); err != nil {
			t.Fatal(err)
		}
	}
	record("a", format.PartWhole)
	record("c", format.PartFirst)
	if err := seg.Checkpoint(); err != nil || w.Holds() != "0 chunks with 0 keys" {
		t.Fatalf("inside a key: %v, %s", err, w.Holds())
	}
	record("c", format.PartLast)
	if err := seg.Skip([]byte("d"), "gone", ""); err != nil {
		t.Fatal(err)
	}
	if err := seg.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	seg.Discard()
	w.Close()
	w, err = Resume(t.Context(), dir, info, Options{}, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	gaps, err := w.Gaps(0, format.TypeList)
	if err != nil || fmt.Sprintf("%q", gaps) != `[{"d\x00" ""}]` || w.Holding(0, format.TypeList).Keys != 2 {
		t.Errorf("gaps %q, %v", gaps, err)
	}
}

// TestSealAfter: what was read long ago is sealed, however small, and stays when a run is killed.
// A key is not torn apart for it.
func TestSealAfter(t *testing.T) {
	dir := t.TempDir()
	info := format.NewInfo("test", time.Now(), format.Source{Address: "a:1", Databases: 1},
		format.Options{Databases: []int{0}, Types: []format.Type{format.TypeList}})
	w, err := Create(t.Context(), dir, info, Options{SealAfter: 1})
	if err != nil {
		t.Fatal(err)
	}
	seg := w.Segment(0, format.TypeList, nil)
	record := func(key string, part format.Part) {
		t.Helper()
		r := format.Record{Kind: format.List, Key: []byte(key), Part: part, Elems: [][]byte{[]byte("x")}}
		if err := seg.Record(&r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * agedRecords {
		record(fmt.Sprintf("%02d", i), format.PartWhole)
	}
	record("l", format.PartFirst)
	for range 2*agedRecords - 1 {
		record("l", 0)
	}
	if got := seg.Sealed(); got != 2*agedRecords {
		t.Errorf("%d keys are sealed, want %d", got, 2*agedRecords)
	}
	seg.Discard() // killed
	w.Close()
	if w, err = Resume(t.Context(), dir, info, Options{}, func(text string) { t.Error(text) }); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	gaps, err := w.Gaps(0, format.TypeList)
	if err != nil || fmt.Sprintf("%q", gaps) != `[{"31\x00" ""}]` {
		t.Errorf("gaps %q, %v", gaps, err)
	}
}

// TestDrop: what is taken back of a key is not in the dump, nor is a chunk of it; what stood before
// it in its chunk is asked for again, once. The next key that is taken back at that place costs
// nothing more.
func TestDrop(t *testing.T) {
	for _, scan := range []string{format.ScanRange, format.ScanCursor} {
		for _, large := range []bool{false, true} { // the key goes over several frames and chunks
			w := begin(t, 1<<10, 0)
			w.Info.Options.Scan = scan
			seg := w.Segment(0, format.TypeList, nil)
			record := func(key string, part format.Part, elems ...string) {
				t.Helper()
				r := listRecord(key, part, elems...)
				if err := seg.Record(&r); err != nil {
					t.Fatal(err)
				}
			}
			cut := func(key string) {
				record(key, format.PartFirst, "cut")
				for i := 0; large && i < 4; i++ {
					record(key, 0, noise(uint64(i), 600<<10))
				}
			}
			whole := func(key string) {
				record(key, format.PartFirst, "whole")
				for i := 0; large && i < 4; i++ {
					record(key, 0, noise(uint64(i), 600<<10))
				}
				record(key, format.PartLast)
			}
			whole("a")
			record("b", format.PartWhole, "x")
			cut("c")
			err := seg.Drop([]byte("c"), "gone")
			start := string(seg.Start())
			switch {
			case !large || scan == format.ScanCursor:
				if err != nil {
					t.Fatalf("%s: %v", scan, err)
				}
			case !errors.Is(err, ErrTakenBack) || start != "a\x00": // a large key ends its chunk
				t.Fatalf("dropped: %v, from %q", err, start)
			default:
				record("b", format.PartWhole, "x")
			}
			for range 2 {
				cut("c")
				if err := seg.Drop([]byte("c"), "gone"); err != nil || large && string(seg.Start()) != "c" {
					t.Fatalf("dropped again: %v, from %q", err, seg.Start())
				}
			}
			if err := seg.Skip([]byte("c"), "gone", ""); err != nil {
				t.Fatal(err)
			}
			whole("d")
			if err := seg.Close(nil); err != nil {
				t.Fatal(err)
			}
			a := finish(t, w)
			var keys, skipped []string
			for _, u := range a.Units(func(c format.ChunkInfo) bool { return c.Type == format.TypeList }) {
				src := a.OpenUnit(u)
				for {
					r, err := src.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if r.Part&format.PartFirst != 0 {
						keys = append(keys, fmt.Sprintf("%s %s", r.Key, r.Elems[0]))
					}
				}
			}
			if err := a.Skipped(func(k SkippedKey) error { skipped = append(skipped, string(k.Key)); return nil }); err != nil {
				t.Fatal(err)
			}
			names, err := w.dir.List()
			if err != nil {
				t.Fatal(err)
			}
			lists := slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, "/list/") })
			chunks := a.Units(func(c format.ChunkInfo) bool { return c.Type == format.TypeList })
			listed := 0
			for _, u := range chunks {
				listed += len(u)
			}
			if fmt.Sprint(keys, skipped) != "[a whole b x d whole] [c]" || len(lists) != listed {
				t.Errorf("%s %v: %v, skipped %v, files %v of %d", scan, large, keys, skipped, lists, listed)
			}
		}
	}
}
