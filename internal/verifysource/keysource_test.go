package verifysource

import (
	"fmt"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestKeySink: a key that is taken back ends for verify, whatever becomes of it, and the keys
// behind it keep their numbers.
func TestKeySink(t *testing.T) {
	var got []string
	s := &keySink{at: -1, unknown: func() bool { return false }, each: func(i int, r *format.Record, other string) error {
		if r != nil {
			other = fmt.Sprintf("%s %d %d", r.Key, r.Part, r.Elements())
		}
		got = append(got, fmt.Sprint(i, " ", other))
		return nil
	}}
	record := func(key string, part format.Part) {
		if err := s.Record(&format.Record{Kind: format.List, Key: []byte(key), Part: part, Elems: [][]byte{{}}}); err != nil {
			t.Fatal(err)
		}
	}
	skip := func(key string, reason reader.Reason) {
		if err := s.Skip([]byte(key), reason, ""); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(key string) {
		if err := s.Drop([]byte(key), ""); err != nil {
			t.Fatal(err)
		}
	}
	record("a", format.PartFirst)
	drop("a")
	record("a", format.PartFirst)
	drop("a")
	record("a", format.PartFirst)
	record("a", format.PartLast)
	skip("a", reader.Changed) // it may lack elements
	record("b", format.PartWhole)
	record("c", format.PartFirst)
	drop("c")
	skip("c", reader.Gone)
	skip("d", reader.Changed)
	record("e", format.PartWhole)
	want := "[0 a 1 1 0 a 2 0 1 b 3 1 2 c 1 1 2 c 2 0 3 key that changed each time it was read 4 e 3 1]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}
