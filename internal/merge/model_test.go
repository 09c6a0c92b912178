package merge

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// A source is what a Pika holds, in a test: the records of each key, and why one was skipped.
type source struct {
	*testing.T
	rnd     *rand.Rand
	dbs     []int
	names   []string
	keys    map[at][]format.Record
	skipped map[at]string
	binlog  int64
}

type at struct {
	db   int
	typ  format.Type
	name string
}

func newSource(t *testing.T, seed uint64) *source {
	s := &source{T: t, rnd: rand.New(rand.NewPCG(seed, 7)), dbs: []int{0, 3}[:1+seed%2], keys: map[at][]format.Record{}, skipped: map[at]string{}}
	for range 6 + 8*(seed%2) {
		name := ""
		for range s.rnd.IntN(4) {
			name += []string{"\x00", "a", "b", "\xff"}[s.rnd.IntN(4)]
		}
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	return s
}

// text returns random bytes.
func (s *source) text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rnd.UintN(256))
	}
	return b
}

var kinds = map[format.Type]format.Kind{format.TypeString: format.String, format.TypeHash: format.Hash, format.TypeList: format.List,
	format.TypeSet: format.Set, format.TypeZset: format.Zset, format.TypeStream: format.Stream}

// write writes a key anew, in one record or in several, small or large.
func (s *source) write(k at) {
	parts := 1
	if s.rnd.IntN(4) == 0 {
		parts = 2 + s.rnd.IntN(5)
	}
	expire := int64(0)
	if s.rnd.IntN(3) == 0 {
		expire = 1 + s.rnd.Int64N(4102444800000)
	}
	var recs []format.Record
	for p := range parts {
		size := 1 + s.rnd.IntN(40)
		if parts > 1 && s.rnd.IntN(3) == 0 {
			size = 100_000
		}
		r := format.Record{Kind: kinds[k.typ], Key: []byte(k.name), Expire: expire}
		switch r.Kind {
		case format.String:
			r.Value = s.text(size)
		case format.Hash:
			r.Elems = [][]byte{fmt.Append(nil, "f", p), s.text(size), fmt.Append(nil, "g", p), s.text(3)}
		case format.Zset:
			r.Elems, r.Scores = [][]byte{s.text(size), s.text(5)}, []float64{s.rnd.NormFloat64(), 1.5}
		case format.Stream:
			r.Entries = []format.Entry{{ID: format.StreamID{Ms: uint64(p + 1), Seq: s.rnd.Uint64()}, Fields: [][]byte{s.text(2), s.text(size)}}}
			if p == parts-1 {
				r.State = &format.StreamState{LastID: format.StreamID{Ms: uint64(p + 1), Seq: s.rnd.Uint64()}, EntriesAdded: uint64(parts)}
			}
		default:
			r.Elems = [][]byte{s.text(size), s.text(4)}
		}
		if p == 0 {
			r.Part |= format.PartFirst
		}
		if p == parts-1 {
			r.Part |= format.PartLast
		}
		recs = append(recs, r)
	}
	s.keys[k] = recs
}

// change changes some names, in every type, and returns which.
func (s *source) change() map[at]bool {
	changed := map[at]bool{}
	for _, db := range s.dbs {
		for _, name := range s.names {
			if s.rnd.IntN(3) > 0 {
				continue
			}
			for _, typ := range format.Types {
				k := at{db, typ, name}
				changed[k] = true
				if s.rnd.IntN(8) == 0 { // what there was of it stays
					s.skipped[k] = fmt.Sprint("reason ", s.rnd.IntN(3))
					continue
				}
				delete(s.skipped, k)
				delete(s.keys, k)
				if s.rnd.IntN(3) == 0 {
					s.write(k)
				}
			}
		}
	}
	return changed
}

// info describes a dump of the source as it is.
func (s *source) info(started time.Time) format.Info {
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", RunID: strings.Repeat("a", 40), Role: "master", Databases: 4, WriteBinlog: "yes",
		ClockDifference: 250, Binlog: s.position()}
	return format.NewInfo("test", started, src, format.Options{Databases: s.dbs, Types: format.Types, Scan: format.ScanRange})
}

func (s *source) position() (all []format.BinlogPosition) {
	for db := range 4 {
		all = append(all, format.BinlogPosition{DB: db, File: 2, Offset: s.binlog})
	}
	return all
}

// dump writes a dump: of a delta the names that have changed, each in every type; nil: a full one.
func (s *source) dump(location string, info format.Info, changed map[at]bool, keys encryption.Keys) *format.Manifest {
	s.Helper()
	w, err := archive.Create(s.Context(), location, info, archive.Options{ChunkBytes: 2000, Keys: keys})
	if err != nil {
		s.Fatal(err)
	}
	defer w.Close()
	for _, db := range s.dbs {
		for _, typ := range format.Types {
			seg := w.Segment(db, typ, nil)
			for _, name := range s.names {
				k := at{db, typ, name}
				if changed != nil && !changed[k] {
					continue
				}
				recs := s.keys[k]
				switch reason := s.skipped[k]; {
				case reason != "":
					if err = seg.Skip([]byte(name), reason, "detail"); changed != nil {
						recs = nil
					}
				case recs == nil && changed != nil:
					recs = []format.Record{{Kind: format.Deleted, Key: []byte(name), Part: format.PartWhole}}
				}
				for i := range recs {
					if err == nil {
						err = seg.Record(&recs[i])
					}
				}
				if err != nil {
					s.Fatal(err)
				}
			}
			if err := seg.Close(nil); err != nil {
				s.Fatal(err)
			}
		}
	}
	m, err := w.Finish(s.position(), true)
	if err != nil {
		s.Fatal(err)
	}
	return m
}

// A chainOf is a base and deltas behind it, of a source.
type chainOf struct {
	*source
	base, dir string
	first     *format.Manifest
	deltas    []*format.Manifest
	keys      encryption.Keys
	clock     time.Time
}

// newChain makes a base, and n deltas, in a directory or a bucket.
func newChain(t *testing.T, seed uint64, n int, where string, keys encryption.Keys) *chainOf {
	t.Helper()
	c := &chainOf{source: newSource(t, seed), base: storage.Join(where, "base"), dir: storage.Join(where, "chain"), keys: keys, clock: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)}
	c.change()
	c.first = c.dump(c.base, c.info(c.clock), nil, keys)
	for range n {
		c.delta()
	}
	return c
}

// delta changes the source, and makes the next delta.
func (c *chainOf) delta() *format.Manifest {
	c.Helper()
	before, d := &c.first.Info, format.Delta{Base: c.first.Dump, After: c.first.Dump, Number: len(c.deltas) + 1, Made: format.MadeByBinlog, From: c.first.Source.Binlog}
	if n := len(c.deltas); n > 0 {
		before = &c.deltas[n-1].Info
		d.After, d.From = before.Dump, before.Delta.To
	}
	c.binlog += 1 + c.rnd.Int64N(100)
	c.clock = c.clock.Add(time.Minute)
	d.To, d.Until = c.position(), c.clock
	src := before.Source
	src.Binlog = c.position()
	changed := c.change()
	m := c.dump(archive.DeltaPath(c.dir, d.Number), format.NewDelta("test", c.clock.Add(time.Second), src, before.Options, d), changed, c.keys)
	c.deltas = append(c.deltas, m)
	return m
}

// options are those of a merge to a location.
func (c *chainOf) options(out string) Options {
	return Options{Base: c.base, Chain: c.dir, Out: out, Tool: "test", Log: io.Discard, Archive: archive.Options{ChunkBytes: 3000, Keys: c.keys}}
}

// holds returns all that a dump holds, element by element.
func holds(t *testing.T, a *archive.Archive) string {
	t.Helper()
	var out bytes.Buffer
	x, err := export.New(t.Context(), a, &out, export.Options{Format: export.JSON})
	if err == nil {
		err = x.Cat()
	}
	if err != nil {
		t.Fatal(err)
	}
	for u, r := range smalldump.Records(t, a) { // what JSON does not show
		fmt.Fprintf(&out, "%d %q %v %d %v %q %v %q", u[0].DB, r.Key, r.Kind, r.Expire, r.Part, r.Elems, r.Scores, r.Value)
		for _, e := range r.Entries {
			fmt.Fprintf(&out, " %v %q", e.ID, e.Fields)
		}
		if r.State != nil {
			fmt.Fprint(&out, " ", *r.State)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// lists returns the lists of a dump.
func lists(t *testing.T, a *archive.Archive) string {
	t.Helper()
	var lines []string
	if err := a.Skipped(func(k archive.SkippedKey) error {
		lines = append(lines, fmt.Sprintf("%d %s %q %s %s", k.DB, k.Type, k.Key, k.Reason, k.Detail))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	if err := a.Conflicts(func(k archive.ConflictKey) error {
		lines = append(lines, fmt.Sprintf("%d %q %v", k.DB, k.Key, k.Types))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// is checks that a merged dump is sound, and all that the deltas and the base amount to, which is
// what a full dump of the source holds.
func (c *chainOf) is(out string) *format.Manifest {
	t := c.T
	t.Helper()
	merged, err := archive.Open(t.Context(), out, 1, c.keys.Identities...)
	if err != nil {
		t.Fatal(err)
	}
	defer merged.Close()
	if bad, err := merged.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Errorf("%d files are damaged, %v", bad, err)
	}
	members, err := archive.Chain(t.Context(), c.dir, c.keys.Identities...)
	if err != nil {
		t.Fatal(err)
	}
	above, err := archive.OpenChain(t.Context(), c.base, members, 1, c.keys.Identities...)
	if err != nil {
		t.Fatal(err)
	}
	defer above.Close()
	full := filepath.Join(t.TempDir(), "full")
	c.dump(full, c.info(c.clock), nil, encryption.Keys{})
	want, err := archive.Open(t.Context(), full, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	got := holds(t, merged)
	for what, a := range map[string]*archive.Archive{"the chain": above, "a full dump": want} {
		if got != holds(t, a) {
			t.Errorf("it does not hold what %s does", what)
		}
		if got, want := lists(t, merged), lists(t, a); got != want {
			t.Errorf("of %s, its lists are\n%s\nnot\n%s", what, got, want)
		}
	}
	if merged.Manifest.Conflicts != want.Manifest.Conflicts {
		t.Errorf("%d names in several types, not %d", merged.Manifest.Conflicts, want.Manifest.Conflicts)
	}
	return merged.Manifest
}
