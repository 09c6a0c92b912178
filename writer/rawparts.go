package writer

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/rawbatch"
)

// A rawBatch is the keys that go together in one APPLYBATCH. Nil has none.
type rawBatch struct {
	namespace string
	encoder   *rawbatch.Encoder
	parts     []rawPart
	open      bool // the last part has no metadata yet
	folded    int  // keys that have no part of their own
	before    int  // elements that the first key had in batches before
}

// A rawPart is what a batch holds of a key, or of whole keys that were folded.
type rawPart struct {
	key             *key // nil: folded keys
	keys, expiring  int  // folded ones; those with an expiry
	from, to        int  // in the batch
	puts            int
	elements, bytes int
}

func newRawBatch(namespace string) (*rawBatch, error) {
	e, err := rawbatch.New(namespace)
	if err != nil {
		return nil, err
	}
	return &rawBatch{namespace: namespace, encoder: e}, nil
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
	if b == nil || !b.open {
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
	if b == nil {
		return
	}
	b.encoder.Reset()
	clear(b.parts)
	b.parts, b.folded = b.parts[:0], 0
}
