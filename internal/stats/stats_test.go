package stats

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

func run(t *testing.T, dir string, workers int) *Stats {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	s, err := Run(t.Context(), Options{Archive: a, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sorted puts records in key order.
func sorted(all []format.Record) []format.Record {
	slices.SortFunc(all, func(a, b format.Record) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}

// TestRun compares what is counted of random keys with a plain count of them.
func TestRun(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	var records []format.Record
	want := Stats{}
	types := map[string]int64{}
	for i := range 3000 {
		r := smalldump.String(fmt.Sprintf("user:%d:name", i), strings.Repeat("x", rnd.IntN(2000)))
		switch i % 5 {
		case 1:
			r = smalldump.Hash(fmt.Sprintf("profile_%d", i), "a", "b", "c", strings.Repeat("y", rnd.IntN(9)))
		case 2:
			r.Kind = format.HyperLogLog
		}
		if i%3 == 0 {
			r.Expire = now.Add(time.Duration(rnd.IntN(100)) * 24 * time.Hour).UnixMilli()
			want.Expiring++
		}
		want.Counts.Add(Counts{1, int64(r.Elements()), int64(len(r.Key) + r.Size()), 0})
		types[r.Kind.String()]++
		records = append(records, r)
	}
	dir := smalldump.Make(t, smalldump.Options{ChunkBytes: 20_000}, sorted(records), []format.Record{smalldump.String("", "empty name")})
	want.Counts.Add(Counts{1, 1, 10, 0})
	types["string"]++
	s := run(t, dir, 1)
	if s.Counts != want.Counts {
		t.Errorf("%+v, want %+v", s.Counts, want.Counts)
	}
	got := map[string]int64{}
	for _, g := range s.Groups {
		got[g.Type] += g.Keys
	}
	if !maps.Equal(got, types) {
		t.Errorf("%v, want %v", got, types)
	}
	for name, classes := range map[string][]Class{"sizes": s.Sizes, "ttls": append([]Class{s.Permanent}, s.TTLs...)} {
		sum := Counts{}
		for _, c := range classes {
			sum.Add(c.Counts)
			of := int64(0)
			for _, n := range c.Types {
				of += n
			}
			if of != c.Keys {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if sum != want.Counts {
			t.Errorf("%s: %+v", name, sum)
		}
	}
	if !slices.Equal(s.Names.Separators, []string{":", "_"}) {
		t.Errorf("separators %q", s.Names.Separators)
	}
	if len(s.Largest) != mostLargest || !slices.IsSortedFunc(s.Largest, func(a, b Key) int { return int(b.Bytes - a.Bytes) }) {
		t.Errorf("largest: %v", s.Largest)
	}
	if p := s.Names.Prefixes; len(p) != 2 || p[0].Prefix != "user:<n>:name" || p[0].Keys != 2400 || p[1].Prefix != "profile_<n>" || p[1].Keys != 600 {
		t.Errorf("prefixes: %+v", p)
	}
	if ids := s.Names.IDs; len(ids) != 1 || ids[0].Prefix != "user:<n>:" || ids[0].IDs < 2300 || ids[0].IDs > 2500 {
		t.Errorf("ids: %+v", ids)
	}
	if again := run(t, dir, 4); !reflect.DeepEqual(again, s) {
		t.Errorf("with four workers %+v\nwith one %+v", again, s)
	}
}

// TestParts: a key in many records, and in several chunks, is one.
func TestParts(t *testing.T) {
	var parts []format.Record
	for i := range 20 {
		r := smalldump.Hash("big", fmt.Sprintf("field%02d", i), strings.Repeat("v", 100))
		r.Part = 0
		if i == 0 {
			r.Part = format.PartFirst
		} else if i == 19 {
			r.Part = format.PartLast
		}
		parts = append(parts, r)
	}
	s := run(t, smalldump.Make(t, smalldump.Options{}, parts), 2)
	if want := (Counts{1, 20, 3 + 20*107, 0}); s.Counts != want || len(s.Longest) != 1 || s.Longest[0].Elements != 20 || s.Longest[0].Name != `"big"` {
		t.Errorf("%+v, %+v", s.Counts, s.Longest)
	}
}

// TestEmptyName: the empty name is that in JSON as well, and no null.
func TestEmptyName(t *testing.T) {
	s := run(t, smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("", "1")}), 1)
	if len(s.Largest) != 1 || s.Largest[0].Key == nil {
		t.Errorf("%+v", s.Largest)
	}
}

// TestDamaged: it counts nothing of a dump that is not as it was written.
func TestDamaged(t *testing.T) {
	dir := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")})
	name := filepath.Join(dir, format.ChunkName(0, format.TypeString, 1))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if s, err := Run(t.Context(), Options{Archive: a, Workers: 2}); err == nil {
		t.Errorf("%+v", s)
	}
}

// TestWorkers: what is given up for lack of room is the same with any number of workers, and of
// ids of one size some are left.
func TestWorkers(t *testing.T) {
	var records []format.Record
	for i := range 4 * mostHeavy {
		records = append(records, smalldump.String(fmt.Sprintf("t:%05d:%c", i, 'a'+i%7), "value"))
	}
	dir := smalldump.Make(t, smalldump.Options{ChunkBytes: 40_000}, records)
	want := run(t, dir, 1)
	if want.Names.Exact || len(want.Names.LargestIDs) != mostIDs {
		t.Errorf("%d ids, exact: %v", len(want.Names.LargestIDs), want.Names.Exact)
	}
	for range 10 {
		for _, workers := range []int{1, 2, 5} {
			if got := run(t, dir, workers); !reflect.DeepEqual(got, want) {
				t.Fatalf("with %d workers %+v\nwith one %+v", workers, got.Names, want.Names)
			}
		}
	}
}
