package archive

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// record returns a whole key of the type.
func record(typ format.Type, key string) format.Record {
	r := format.Record{Key: []byte(key), Part: format.PartWhole, Elems: [][]byte{[]byte("e")}}
	switch typ {
	case format.TypeString:
		r.Kind, r.Elems, r.Value = format.String, nil, []byte("v")
	case format.TypeHash:
		r.Kind, r.Elems = format.Hash, append(r.Elems, []byte("v"))
	case format.TypeList:
		r.Kind = format.List
	case format.TypeSet:
		r.Kind = format.Set
	case format.TypeZset:
		r.Kind, r.Scores = format.Zset, []float64{1}
	case format.TypeStream:
		r.Kind, r.Elems, r.State = format.Stream, nil, &format.StreamState{}
	}
	return r
}

// TestConflicts: the merge finds each name that exists under several types of one database, and
// no other, and Holds finds each key, on random keys over few bytes and small chunks.
func TestConflicts(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := begin(t, []int64{1, 300, 1 << 20}[rng.IntN(3)], 0, 2)
		model := map[int]map[string][]format.Type{0: {}, 2: {}}
		for db, names := range model {
			for _, typ := range format.Types {
				keys := map[string]bool{}
				for range rng.IntN(60) {
					var key strings.Builder
					for range rng.IntN(4) {
						key.WriteByte("\x00ab\xff"[rng.IntN(4)])
					}
					keys[key.String()] = true
				}
				var records []format.Record
				for key := range keys {
					records = append(records, record(typ, key))
					names[key] = append(names[key], typ)
				}
				slices.SortFunc(records, func(a, b format.Record) int { return slices.Compare(a.Key, b.Key) })
				write(t, w, db, typ, records...)
			}
		}
		a := finish(t, w)
		var want []string
		for db, names := range model {
			for key, types := range names {
				if len(types) > 1 {
					want = append(want, fmt.Sprintf("%d %q %v", db, key, types))
				}
			}
		}
		var got []string
		if err := a.Conflicts(func(k ConflictKey) error {
			got = append(got, fmt.Sprintf("%d %q %v", k.DB, k.Key, k.Types))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: conflicts\n%s\nwant\n%s", seed, got, want)
		}
		if a.Manifest.Conflicts != int64(len(want)) {
			t.Errorf("seed %d: the manifest counts %d, want %d", seed, a.Manifest.Conflicts, len(want))
		}
		for db, names := range model {
			for _, key := range []string{"", "a", "b", "ab", "a\x00", "\xff", "\xff\xff\xff", "nosuch", "\x00"} {
				if got, err := holds(a, db, key); err != nil || got != (names[key] != nil) {
					t.Errorf("seed %d: holds(%d, %q) = %v, %v", seed, db, key, got, err)
				}
			}
		}
	}
}

// holds reports whether the dump has a key of that name in one of its types.
func holds(a *Archive, db int, key string) (bool, error) {
	held := true
	err := a.Missing(db, func(format.ChunkInfo) bool { return true }, [][]byte{[]byte(key)}, func([]byte) error { held = false; return nil })
	return held, err
}

// TestHoldsSplitKey: a key over several chunks is found, and what stands beside it.
func TestHoldsSplitKey(t *testing.T) {
	w := begin(t, 1, 0)
	write(t, w, 0, format.TypeList, listRecord("a", format.PartWhole, "x"),
		listRecord("big", format.PartFirst, noise(1, 900<<10)), listRecord("big", 0, noise(2, 900<<10)), listRecord("big", format.PartLast, "x"), listRecord("c", format.PartWhole, "x"))
	a := finish(t, w)
	if units := a.Units(func(c format.ChunkInfo) bool { return c.Keys+c.Records > 0 }); len(units) != 3 || len(units[1]) < 2 {
		t.Errorf("%d units", len(units))
	}
	for key, want := range map[string]bool{"a": true, "big": true, "c": true, "b": false, "bigger": false, "bi": false} {
		if got, err := holds(a, 0, key); err != nil || got != want {
			t.Errorf("holds(%q) = %v, %v", key, got, err)
		}
	}
}

// unreachable is a store whose lists cannot be read.
type unreachable struct{ storage.Store }

type unreachableReader struct{ storage.Reader }

func (s unreachable) Open(name string) (storage.Reader, error) {
	r, err := s.Store.Open(name)
	if name == format.ConflictsName {
		r = unreachableReader{r}
	}
	return r, err
}

func (unreachableReader) Read([]byte) (int, error) { return 0, storage.ErrUnavailable }

// TestListUnreachable: that a list cannot be read is no damage.
func TestListUnreachable(t *testing.T) {
	w := begin(t, 1<<20, 0)
	write(t, w, 0, format.TypeSet, record(format.TypeSet, "a"))
	write(t, w, 0, format.TypeList, record(format.TypeList, "a"))
	a := finish(t, w)
	a.dir = unreachable{a.dir}
	err := a.Conflicts(func(ConflictKey) error { return nil })
	if !errors.Is(err, storage.ErrUnavailable) || errors.As(err, new(*format.CorruptError)) {
		t.Error(err)
	}
}
