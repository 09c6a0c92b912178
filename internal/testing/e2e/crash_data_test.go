package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// crashKeys is how many usual keys a data set for crash tests has in each of its databases.
var crashKeys = []int{2000, 300}

// vanishing begins the names of lists that a simulated Pika lists and then knows nothing of.
const vanishing = "vanishing "

// A place is where a key stands.
type place struct {
	db  int
	typ format.Type
	key string
}

// contents are digests of the values and expiries of keys; empty where only the name is known.
type contents map[place]string

// fillCrash writes a data set to a source: keys of all types, of which a few in the first database
// fill several chunks, names in several types where the source can have them, names that it cannot
// read. It returns what a dump must hold.
func fillCrash(t *testing.T, s source) contents {
	t.Helper()
	want := contents{}
	for db, n := range crashKeys {
		f := newFiller(t, client(t, s.addr, db))
		m := newModel(uint64(42+db), len(shaped)+n, s)
		var records []*record
		if db == 0 {
			records = largeRecords(rand.New(rand.NewPCG(7, 0)), m.streams)
		}
		for i := len(shaped); i < m.keys; i++ {
			records = append(records, m.record(i))
		}
		if !s.oneType() {
			for i := range 60 {
				key := fmt.Sprintf("many types %02d", i)
				records = append(records, str(key, "v"), hash(key, "f", "v"), list(key, "v"), set(key, "v"), zset(key, "v", 1))
			}
		}
		for _, r := range records {
			f.record(r)
			for _, typ := range format.Types {
				if typ.Holds(r.Kind) {
					want[place{db, typ, string(r.Key)}] = digest(&r.Record)
				}
			}
		}
		if !s.real {
			for i := range 5 {
				f.record(list(fmt.Sprint(vanishing, i), "v"))
			}
		}
		if s.oneType() {
			for i := range 5 {
				f.do("SET", fmt.Sprintf("cut\x00%d", i), "v")
				f.do("HSET", fmt.Sprintf("cut too\x00%d", i), "f", "v")
			}
		}
		f.flush()
	}
	return want
}

// largeRecords fill chunks of 64 KiB: a chunk ends inside a key at four times that, and at the end
// of a frame of 512 KiB.
func largeRecords(rng *rand.Rand, streams bool) (records []*record) {
	grown := func(kind format.Kind, n int) {
		r := collection(kind, fmt.Sprint("large ", kind))
		for i := range n {
			value := noise(rng, 300)
			switch kind {
			case format.List:
				r.Elems = append(r.Elems, value)
			case format.Hash:
				r.Elems = append(r.Elems, fmt.Appendf(nil, "field %d", i), value)
			case format.Zset:
				r.Elems, r.Scores = append(r.Elems, value), append(r.Scores, float64(i))
			case format.Stream:
				r.Entries = append(r.Entries, format.Entry{ID: format.StreamID{Ms: 1, Seq: uint64(i + 1)}, Fields: [][]byte{value, {}}})
			}
		}
		records = append(records, r)
	}
	grown(format.List, 6000)
	grown(format.Hash, 6000)
	grown(format.Zset, 3000)
	if streams {
		grown(format.Stream, 3000)
		r := records[len(records)-1]
		r.State = &format.StreamState{LastID: r.Entries[len(r.Entries)-1].ID, EntriesAdded: uint64(len(r.Entries))}
	}
	for i := range 5 {
		records = append(records, str(fmt.Sprint("large string ", i), string(noise(rng, 90_000))))
	}
	records = append(records, collection(format.HyperLogLog, "counted", "a", "b"), collection(format.HyperLogLog, "counted too", "c"))
	return records
}

// digest returns what tells a value and its expiry from others; empty for hyperloglogs.
func digest(r *format.Record) string {
	if r.Kind == format.HyperLogLog {
		return ""
	}
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	fmt.Fprintln(h, r.Kind, r.Expire, len(r.Elems), len(r.Entries), r.State)
	put(r.Value)
	var items []string
	switch r.Kind {
	case format.Hash:
		for i := 0; i < len(r.Elems); i += 2 {
			items = append(items, fmt.Sprintf("%q %q", r.Elems[i], r.Elems[i+1]))
		}
	case format.Zset:
		for i, member := range r.Elems {
			items = append(items, fmt.Sprintf("%q %x", member, math.Float64bits(r.Scores[i])))
		}
	default:
		for _, e := range r.Elems {
			items = append(items, string(e))
		}
	}
	if r.Kind != format.List {
		slices.Sort(items)
	}
	for _, item := range items {
		put([]byte(item))
	}
	for _, e := range r.Entries {
		fmt.Fprintln(h, e.ID, len(e.Fields))
		for _, f := range e.Fields {
			put(f)
		}
	}
	return string(h.Sum(nil))
}

// readContents reads a dump, in which each key must stand once.
func readContents(t *testing.T, dir string) contents {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	got := contents{}
	var whole format.Record
	for u, r := range smalldump.Records(t, a) {
		join(&whole, r)
		if r.Part&format.PartLast == 0 {
			continue
		}
		at := place{u[0].DB, u[0].Type, string(whole.Key)}
		if _, ok := got[at]; ok {
			t.Errorf("db%d %s %.80q stands twice in the dump", at.db, at.typ, at.key)
		}
		got[at] = digest(&whole)
	}
	return got
}

// join adds a part to what came of its key before.
func join(whole, r *format.Record) {
	if r.Part&format.PartFirst != 0 {
		*whole = format.Record{Kind: r.Kind, Key: slices.Clone(r.Key), Expire: r.Expire}
	}
	whole.Value = append(whole.Value, r.Value...)
	for _, e := range r.Elems {
		whole.Elems = append(whole.Elems, slices.Clone(e))
	}
	whole.Scores = append(whole.Scores, r.Scores...)
	for _, e := range r.Entries {
		fields := make([][]byte, len(e.Fields))
		for i := range fields {
			fields[i] = slices.Clone(e.Fields[i])
		}
		whole.Entries = append(whole.Entries, format.Entry{ID: e.ID, Fields: fields})
	}
	if r.State != nil {
		state := *r.State
		whole.State = &state
	}
}

// mustEqual compares two contents.
func (want contents) mustEqual(t *testing.T, got contents) {
	t.Helper()
	var wrong []string
	for at, d := range got {
		w, ok := want[at]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("db%d %s %.80q should not be in the dump", at.db, at.typ, at.key))
		} else if d != w && w != "" {
			wrong = append(wrong, fmt.Sprintf("db%d %s %.80q has another value or expiry", at.db, at.typ, at.key))
		}
	}
	for at := range want {
		if _, ok := got[at]; !ok {
			wrong = append(wrong, fmt.Sprintf("db%d %s %.80q is not in the dump", at.db, at.typ, at.key))
		}
	}
	if n := len(wrong); n > 0 {
		slices.Sort(wrong)
		t.Errorf("%d differences:\n%s", n, strings.Join(wrong[:min(n, maxShown)], "\n"))
	}
}
