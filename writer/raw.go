package writer

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/rawbatch"
)

// How many bytes the name of a key and one of its elements may have in a raw batch, and a stream.
// What is larger goes by commands. A batch stays below target.LeastLimit: RawBytes, and an element
// of a zset, which stands in it twice, or a stream.
const (
	rawElement = 128 << 10
	rawStream  = 256 << 10
)

// rawOverhead is about what an element takes beside its bytes and the name of its key.
const rawOverhead = 64

// A rawBatch is the keys that go together in one APPLYBATCH.
type rawBatch struct {
	keyspace rawbatch.Keyspace
	encoder  *rawbatch.Encoder
	parts    []rawPart
	open     bool // the last part has no metadata yet
	folded   int  // keys that have no part of their own
	before   int  // elements that the first key had in batches before
}

// A rawPart is what a batch holds of a key, or of whole keys that were folded.
type rawPart struct {
	key             *key // nil: folded keys
	keys, expiring  int  // folded ones; those with an expiry
	from, to        int  // in the batch
	puts            int
	elements, bytes int
}

// newRawBatch returns an empty batch for a namespace.
func newRawBatch(namespace string) (*rawBatch, error) {
	ks := rawbatch.Keyspace{Namespace: namespace}
	e, err := rawbatch.New(ks)
	if err != nil {
		return nil, err
	}
	return &rawBatch{keyspace: ks, encoder: e}, nil
}

// begin begins a part, or continues the one that is open.
func (b *rawBatch) begin(k *key) *rawPart {
	if b.open {
		return &b.parts[len(b.parts)-1]
	}
	if len(b.parts) == 0 {
		b.before = 0
		if k.queued > 0 {
			b.before = b.encoder.Size()
		}
	}
	b.parts, b.open = append(b.parts, rawPart{}), true
	p := &b.parts[len(b.parts)-1]
	p.key, p.from, p.puts = k, b.encoder.Len(), -b.encoder.Puts()
	if k.queued == 0 {
		p.bytes = len(k.name)
	}
	k.queued++
	k.pending++
	k.data++
	return p
}

// end ends the part that is open with the metadata of its key, or as a string does.
func (b *rawBatch) end(metadata bool, state *format.StreamState) {
	if !b.open {
		return
	}
	if metadata {
		b.encoder.Metadata(state)
	}
	p := &b.parts[len(b.parts)-1]
	p.to, p.puts = b.encoder.Len(), p.puts+b.encoder.Puts()
	b.open = false
}

// fold leaves of the last part, a whole key, only what is counted when the server has taken it:
// thousands of keys that wait for that do not fit the processor's cache. The first key of a batch
// stays, for errors.
func (b *rawBatch) fold() {
	last := len(b.parts) - 1
	if last == 0 {
		return
	}
	p := &b.parts[last]
	p.key.folded, p.key.pending, p.key.data = true, 0, 0
	p.keys = 1
	if p.key.expire != 0 {
		p.expiring = 1
	}
	p.key = nil
	if to := &b.parts[last-1]; to.key == nil {
		to.to, to.puts, to.keys, to.expiring = p.to, to.puts+p.puts, to.keys+1, to.expiring+p.expiring
		to.elements, to.bytes = to.elements+p.elements, to.bytes+p.bytes
		b.parts = b.parts[:last]
		b.folded++
	}
}

// reset forgets all but the memory, and the key that goes on in the next batch.
func (b *rawBatch) reset() {
	b.encoder.Reset()
	clear(b.parts)
	b.parts, b.folded = b.parts[:0], 0
}

// elementSize returns how many bytes an element of r has.
func elementSize(r *format.Record, i int) (n int) {
	switch r.Kind {
	case format.Hash:
		return len(r.Elems[2*i]) + len(r.Elems[2*i+1])
	case format.Zset:
		return len(r.Elems[i]) + 8
	case format.Stream:
		for _, f := range r.Entries[i].Fields {
			n += len(f)
		}
		return n
	}
	return len(r.Elems[i])
}

// follows reports whether the fields or members of r ascend from those before it: none of them is
// there twice.
func (k *key) follows(r *format.Record) bool {
	step := len(r.Elems) / r.Elements()
	last, begun := k.member, r.Part&format.PartFirst == 0
	for i := 0; i < len(r.Elems); i += step {
		if begun && bytes.Compare(last, r.Elems[i]) >= 0 {
			return false
		}
		last, begun = r.Elems[i], true
	}
	if r.Part&format.PartLast == 0 {
		k.member = append(k.member[:0], last...)
	}
	return true
}

// isDistinct reports whether a whole key has no field or member twice.
func isDistinct(r *format.Record) bool {
	step := len(r.Elems) / r.Elements()
	var sorted [][]byte
	for i := 0; i < len(r.Elems); i += step {
		sorted = append(sorted, r.Elems[i])
	}
	slices.SortFunc(sorted, bytes.Compare)
	return len(slices.CompactFunc(sorted, bytes.Equal)) == r.Elements()
}
