package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// begin begins a dump of the databases and all types in a new directory.
func begin(t *testing.T, chunkBytes int64, dbs ...int) *Writer {
	t.Helper()
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 8}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: dbs, Types: format.Types})
	w, err := Create(t.Context(), filepath.Join(t.TempDir(), "dump"), info, Options{ChunkBytes: chunkBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// write writes records to a segment over the whole keyspace.
func write(t *testing.T, w *Writer, db int, typ format.Type, records ...format.Record) {
	t.Helper()
	seg := w.Segment(db, typ, nil)
	for i := range records {
		if err := seg.Record(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := seg.Close(nil); err != nil {
		t.Fatal(err)
	}
}

// finish covers the types that have no keys, ends the dump and opens it.
func finish(t *testing.T, w *Writer) *Archive {
	t.Helper()
	for _, db := range w.Info.Options.Databases {
		for _, typ := range w.Info.Options.Types {
			if !slices.ContainsFunc(w.chunks, func(c format.ChunkInfo) bool { return c.DB == db && c.Type == typ }) {
				write(t, w, db, typ)
			}
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), w.dir.Path(""), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func listRecord(key string, part format.Part, elems ...string) format.Record {
	r := format.Record{Kind: format.List, Key: []byte(key), Part: part}
	for _, e := range elems {
		r.Elems = append(r.Elems, []byte(e))
	}
	return r
}

func show(r *format.Record) string {
	return fmt.Sprintf("%s %q %d %q", r.Kind, r.Key, r.Part, r.Elems)
}

// noise returns text that does not compress.
func noise(seed uint64, n int) string {
	b := make([]byte, n)
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	return string(b)
}

// TestSegment: chunks are closed at their size, between keys where that is possible; giant
// keys go over several, which form one unit; what is read is what was written.
func TestSegment(t *testing.T) {
	const chunkBytes = 64 << 10
	parts := 30 // of a giant; each fills a chunk
	if testing.Short() {
		parts = 20
	}
	var records []format.Record
	for i := range 1200 {
		key := fmt.Sprintf("key%05d", i)
		switch {
		case i == 400 || i == 401 || i == 1199: // giants, two of them side by side, one at the end
			for p := range parts {
				part := format.Part(0)
				if p == 0 {
					part = format.PartFirst
				} else if p == parts-1 {
					part = format.PartLast
				}
				records = append(records, listRecord(key, part, noise(uint64(i*1000+p), 300<<10)))
			}
		case i%3 == 0:
			records = append(records, listRecord(key, format.PartFirst, noise(uint64(i), 900)), listRecord(key, format.PartLast, "end"))
		default:
			records = append(records, listRecord(key, format.PartWhole, noise(uint64(i), 5000)))
		}
	}
	w := begin(t, chunkBytes, 0)
	write(t, w, 0, format.TypeList, records...)
	a := finish(t, w)
	units := a.Units(func(c format.ChunkInfo) bool { return c.Type == format.TypeList })
	if len(units) < 4 {
		t.Errorf("%d units", len(units))
	}
	var got []string
	longest := 0
	for _, u := range units {
		longest = max(longest, len(u))
		if u[0].Continues || u[len(u)-1].Open {
			t.Errorf("unit of %s begins or ends inside a key", u[0].Name)
		}
		for i := range u[1:] {
			if !u[i].Open || !u[i+1].Continues || !bytes.Equal(u[i].End, u[i+1].Start) {
				t.Errorf("unit of %s: %s does not go on in the next", u[0].Name, u[i].Name)
			}
		}
		src := a.OpenUnit(u)
		r, err := src.Next()
		for ; err == nil; r, err = src.Next() {
			got = append(got, show(r))
		}
		if err != io.EOF || src.Read() != u.Stored() {
			t.Errorf("unit of %s: %v after %d of %d bytes", u[0].Name, err, src.Read(), u.Stored())
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	if longest < 10 {
		t.Errorf("the largest unit has %d chunks", longest)
	}
	var want []string
	for i := range records {
		want = append(want, show(&records[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d records were read, %d written, or they differ", len(got), len(want))
	}
	for _, c := range a.Manifest.Chunks {
		if c.Size > (splitFactor+1)*chunkBytes+format.FrameTarget+400<<10 {
			t.Errorf("%s has %d bytes", c.Name, c.Size)
		}
	}
	if bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Errorf("check: %d, %v", bad, err)
	}
}

// TestSkipBehindFull: what is said of the last key of a full chunk is in its range.
func TestSkipBehindFull(t *testing.T) {
	w := begin(t, 1, 0)
	seg := w.Segment(0, format.TypeList, nil)
	for _, key := range []string{"a", "b"} {
		r := listRecord(key, format.PartWhole, "x")
		if err := errors.Join(seg.Record(&r), seg.Skip([]byte(key), "duplicate-name", ""), seg.Skip([]byte(key), "duplicate-name", "")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(seg.Skip([]byte("c"), "gone", "why"), seg.Expire(), seg.Close(nil)); err != nil {
		t.Fatal(err)
	}
	seg.Discard() // does nothing
	a := finish(t, w)
	var skipped []string
	if err := a.Skipped(func(k SkippedKey) error {
		skipped = append(skipped, string(k.Key)+" "+k.Reason+k.Detail)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a duplicate-name", "a duplicate-name", "b duplicate-name", "b duplicate-name", "c gonewhy"}; !slices.Equal(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
	if a.Manifest.Expired != 1 || fmt.Sprint(a.Manifest.Skipped) != "[{duplicate-name 4} {gone 1}]" {
		t.Errorf("the manifest counts %d expired, skipped %v", a.Manifest.Expired, a.Manifest.Skipped)
	}
	if bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Errorf("check: %d, %v", bad, err)
	}
}

// TestRanges: segments of ranges, in any order, cover the whole; a gap or an overlap is
// refused when the dump is to be finished.
func TestRanges(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ranges [][2]string // of the lists; "" is the first, or the end
		says   string
	}{
		{"one", [][2]string{{"", ""}}, ""},
		{"in disorder", [][2]string{{"m", ""}, {"", "c"}, {"c", "m"}}, ""},
		{"gap", [][2]string{{"", "c"}, {"d", ""}}, "no chunk covers the keys between"},
		{"gap at the start", [][2]string{{"c", ""}}, "no chunk covers the keys between"},
		{"gap at the end", [][2]string{{"", "c"}}, "no chunk covers the keys from"},
		{"nothing", nil, "no chunk covers it"},
		{"overlap", [][2]string{{"", "d"}, {"c", ""}}, "no chunk covers the keys between"},
		{"twice", [][2]string{{"", ""}, {"", ""}}, "overlaps"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := begin(t, 0, 3)
			for _, r := range tc.ranges {
				var start, end []byte
				if r[0] != "" {
					start = []byte(r[0])
				}
				if r[1] != "" {
					end = []byte(r[1])
				}
				seg := w.Segment(3, format.TypeList, start)
				rec := listRecord(r[0]+"key", format.PartWhole, "x")
				if r[0] == "" {
					rec.Key = []byte("a")
				}
				if err := errors.Join(seg.Record(&rec), seg.Close(end)); err != nil {
					t.Fatal(err)
				}
			}
			for _, typ := range format.Types {
				if typ != format.TypeList {
					write(t, w, 3, typ)
				}
			}
			_, err := w.Finish(nil, false)
			_, openErr := Open(t.Context(), w.dir.Path(""), 1)
			switch {
			case tc.says == "" && errors.Join(err, openErr) != nil:
				t.Error(err, openErr)
			case tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says) || !errors.Is(openErr, ErrIncomplete)):
				t.Errorf("finish: %v, want %q; open: %v", err, tc.says, openErr)
			}
		})
	}
}

// TestDiscard: a segment that is given up leaves its sealed chunks only.
func TestDiscard(t *testing.T) {
	w := begin(t, 1, 0)
	seg := w.Segment(0, format.TypeList, nil)
	for _, key := range []string{"a", "b", "c"} {
		r := listRecord(key, format.PartWhole, "x")
		if err := seg.Record(&r); err != nil {
			t.Fatal(err)
		}
	}
	seg.Discard()
	seg.Discard()
	names, err := filepath.Glob(filepath.Join(w.dir.Path(""), "chunks", "*", "*", "*"))
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
	temporary, _ := filepath.Glob(filepath.Join(w.dir.Path(""), "chunks", "*", "*", ".tmp-*"))
	if len(temporary) > 0 {
		t.Errorf("left over: %v", temporary)
	}
	if _, err := Open(t.Context(), w.dir.Path(""), 1); !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), "has not finished it") {
		t.Errorf("open: %v", err)
	}
}
