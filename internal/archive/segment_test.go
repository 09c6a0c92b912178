package archive

import (
	"fmt"
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
	if err := seg.Checkpoint(); err != nil || w.Stored() != 0 {
		t.Fatalf("inside a key: %v, %d bytes", err, w.Stored())
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
	if err != nil || fmt.Sprintf("%q", gaps) != `[{"d\x00" ""}]` || w.Keys(0, format.TypeList) != 2 {
		t.Errorf("gaps %q, %v", gaps, err)
	}
}
