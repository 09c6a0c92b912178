package e2e

import (
	"math/rand/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A model is a data set. Nothing of it is kept: record makes each key from the seed
// whenever it is wanted.
type model struct {
	seed       uint64
	keys       int
	streams    bool  // whether the source has streams
	nul        bool  // whether it takes a NUL in a key
	lastExpiry int64 // the last second it can expire keys in
}

func newModel(seed uint64, keys int, s source) *model {
	m := &model{seed, keys, s.version != "3.4.0", !s.oneType(), 1<<31 - 1}
	if s.oneType() {
		m.lastExpiry = 1 << 33
	}
	return m
}

// firstExpiry is long after every test.
const firstExpiry = 1_950_000_000

// A record is a key of a model, in one part. The elements of a hyperloglog are what was
// counted: its registers are not known.
type record struct {
	format.Record
	deleted []format.StreamID // what was in a stream once
}

// shaped are the kinds and sizes of the first keys: sizes around those that the tools read
// and write at once, and large ones. Sizes are bytes of strings, elements of others.
var shaped = []struct {
	kind format.Kind
	size int
}{
	{format.String, 0}, {format.String, 1}, {format.String, 128 << 10}, {format.String, 100_000},
	{format.String, 1<<20 - 1}, {format.String, 1 << 20}, {format.String, 1<<20 + 1}, {format.String, 3 << 20},
	{format.Hash, 511}, {format.Hash, 512}, {format.Hash, 513}, {format.Hash, 1024}, {format.Hash, 2000}, {format.Hash, 20_000},
	{format.List, 511}, {format.List, 512}, {format.List, 513}, {format.List, 1024}, {format.List, 2000}, {format.List, 20_000},
	{format.Set, 511}, {format.Set, 512}, {format.Set, 513}, {format.Set, 1024}, {format.Set, 2000}, {format.Set, 20_000},
	{format.Zset, 511}, {format.Zset, 512}, {format.Zset, 513}, {format.Zset, 1024}, {format.Zset, 2000}, {format.Zset, 20_000},
	{format.Stream, 511}, {format.Stream, 512}, {format.Stream, 513}, {format.Stream, 1024}, {format.Stream, 2000}, {format.Stream, 10_000},
	{format.HyperLogLog, 1}, {format.HyperLogLog, 100}, {format.HyperLogLog, 3000},
}

// mix are the kinds of the other keys, in turn.
var mix = []format.Kind{
	format.String, format.Hash, format.String, format.Set, format.String, format.Zset, format.String, format.List,
	format.String, format.Hash, format.String, format.Set, format.String, format.Zset, format.String, format.List,
	format.Hash, format.Set, format.Zset, format.Stream,
}

// record returns key number i.
func (m *model) record(i int) *record {
	rng := rand.New(rand.NewPCG(m.seed, uint64(i)))
	r := &record{}
	r.Part = format.PartWhole
	var size int
	if i < len(shaped) {
		r.Kind, size = shaped[i].kind, shaped[i].size
	} else {
		r.Kind, size = mix[i%len(mix)], someElements(rng)
	}
	if r.Kind == format.Stream && !m.streams {
		r.Kind = format.Set
	}
	if i > 0 { // the first key is the empty one
		r.Key = name(rng, i, m.nul)
	}
	if rng.IntN(5) == 0 && r.Kind != format.Stream { // streams do not expire on Pika
		r.Expire = (firstExpiry + rng.Int64N(m.lastExpiry-firstExpiry)) * 1000
	}
	r.fill(rng, size, i < len(shaped))
	return r
}

// someElements returns the size of a usual collection.
func someElements(rng *rand.Rand) int {
	switch n := rng.IntN(400); {
	case n == 0:
		return 400 + rng.IntN(300)
	case n < 10:
		return 1 + rng.IntN(100)
	}
	return 1 + rng.IntN(7)
}

// fill makes the value.
func (r *record) fill(rng *rand.Rand, size int, exact bool) {
	switch r.Kind {
	case format.String:
		r.Value = content(rng)
		if exact {
			r.Value = noise(rng, size)
		}
	case format.List:
		for range size {
			r.Elems = append(r.Elems, content(rng))
		}
	case format.Stream:
		r.fillStream(rng, size)
	default:
		for j := range size {
			element := name(rng, j, true)
			if j == 0 && rng.IntN(2) == 0 {
				element = []byte{}
			}
			r.Elems = append(r.Elems, element)
			switch r.Kind {
			case format.Hash:
				r.Elems = append(r.Elems, content(rng))
			case format.Zset:
				r.Scores = append(r.Scores, score(rng))
			}
		}
	}
}

// fillStream makes size entries, and up to two before and behind that were deleted.
func (r *record) fillStream(rng *rand.Rand, size int) {
	before, behind := rng.IntN(3), rng.IntN(3)
	r.State = &format.StreamState{EntriesAdded: uint64(before + size + behind)}
	id := format.StreamID{Ms: rng.Uint64N(1 << 45), Seq: 1 + rng.Uint64N(3)}
	for j := range before + size + behind {
		if j > 0 {
			if step := rng.Uint64N(3); step == 0 {
				id.Seq += 1 + rng.Uint64N(1<<40)
			} else {
				id = format.StreamID{Ms: id.Ms + step, Seq: rng.Uint64N(3)}
			}
		}
		r.State.LastID = id
		if j < before || j >= before+size {
			r.deleted = append(r.deleted, id)
			r.State.MaxDeletedID = id
			continue
		}
		e := format.Entry{ID: id}
		for range 1 + rng.IntN(3) {
			e.Fields = append(e.Fields, content(rng), content(rng))
		}
		r.Entries = append(r.Entries, e)
	}
}

// totals sums the model up as a manifest does: per type.
func (m *model) totals() map[format.Type]format.Stats {
	sums := map[format.Type]format.Stats{}
	for i := range m.keys {
		r := m.record(i)
		s := format.Stats{Keys: 1, Elements: int64(r.Elements())}
		if r.Expire != 0 {
			s.Expiring = 1
		}
		for _, typ := range format.Types {
			if typ.Holds(r.Kind) {
				sum := sums[typ]
				sum.Add(s)
				sums[typ] = sum
			}
		}
	}
	return sums
}
