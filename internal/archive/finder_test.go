package archive

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// opens counts the files that are opened.
type opens struct {
	storage.Store
	n int
}

func (o *opens) Open(name string) (storage.Reader, error) {
	o.n++
	return o.Store.Open(name)
}

// TestFinder: keys are found in order, whether they are there or not and in how many parts and
// types, and each chunk is opened once; out of order they are found as well.
func TestFinder(t *testing.T) {
	w := begin(t, 1, 0)
	var lists []format.Record
	for i := range 40 {
		key := fmt.Sprintf("key%04d", 2*i)
		if i%10 == 7 {
			for part := range 5 {
				r := listRecord(key, 0, noise(uint64(i*10+part), 700))
				r.Part = map[int]format.Part{0: format.PartFirst, 4: format.PartLast}[part]
				lists = append(lists, r)
			}
			continue
		}
		lists = append(lists, listRecord(key, format.PartWhole, "x"))
	}
	write(t, w, 0, format.TypeList, lists...)
	write(t, w, 0, format.TypeHash, record(format.TypeHash, "key0003"), record(format.TypeHash, "key0014"), record(format.TypeHash, "z"))
	a := finish(t, w)
	store := &opens{Store: a.dir}
	a.dir = store
	find := func(do func(emit func(*format.Record) error) error) (said []string) {
		err := do(func(r *format.Record) error {
			said = append(said, fmt.Sprintf("%s %s %d %x", r.Kind, r.Key, r.Part, bytes.Join(r.Elems, []byte(","))))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	f := a.Finder(0)
	defer f.Close()
	found := 0
	compare := func(key []byte) {
		t.Helper()
		before := store.n
		got := find(func(emit func(*format.Record) error) error { return f.Find(key, emit) })
		after := store.n
		if want := find(func(emit func(*format.Record) error) error { return a.Find(0, key, emit) }); !slices.Equal(got, want) {
			t.Errorf("%s: %d records, want %d", key, len(got), len(want))
		}
		store.n = before + after - before
		found += len(got)
	}
	chunks := 0
	for _, c := range a.Manifest.Chunks {
		if c.Records > 0 {
			chunks++
		}
	}
	for i := range 82 {
		compare(fmt.Appendf(nil, "key%04d", i))
	}
	compare([]byte("z"))
	if found != len(lists)+3 || store.n > chunks || chunks < 40 {
		t.Errorf("%d records of %d, %d files opened of %d", found, len(lists)+3, store.n, chunks)
	}
	for _, key := range []string{"key0014", "key0003", "", "z", "zz"} {
		compare([]byte(key))
	}
}
