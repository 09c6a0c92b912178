package writer

import (
	"bytes"
	"context"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
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

// addRaw adds a record of k to the raw batch, and reports whether it could.
func (q *queue) addRaw(ctx context.Context, k *key, r *format.Record) (ok bool, err error) {
	if r.Part&format.PartFirst != 0 {
		k.raw = true
	}
	if !k.raw {
		return false, nil
	}
	if k.raw = q.isRaw(k, r); !k.raw {
		if k.queued == 0 {
			return false, nil
		}
		err := q.flush(ctx) // what follows of it goes by commands
		k.length = k.taken
		return false, err
	}
	if k.kind == format.String {
		if ok, err := q.readyRaw(ctx, k); !ok || err != nil {
			return true, err
		}
		p := q.raw.begin(k)
		p.elements, p.bytes = 1, p.bytes+len(r.Value)
		q.raw.encoder.String(k.name, r.Value, k.expire)
		q.raw.end(false, nil)
		q.fold(k, r)
		return true, nil
	}
	if r.Elements() == 0 && k.kind != format.Stream { // its other parts have some
		if r.Part&format.PartLast != 0 {
			q.raw.end(true, nil)
		}
		return true, nil
	}
	p, err := q.partOf(ctx, k)
	for i := 0; p != nil && i < r.Elements(); i++ {
		if p.elements > 0 && k.kind != format.Stream && q.raw.encoder.Len() >= q.options.RawBytes {
			if p, err = q.partOf(ctx, k); p == nil {
				break
			}
		}
		q.raw.encoder.Add(r, i)
		p.elements++
		p.bytes += elementSize(r, i)
	}
	if p != nil && r.Part&format.PartLast != 0 {
		q.raw.end(true, r.State)
		q.fold(k, r)
	}
	return true, err
}

// isRaw reports whether a raw batch can hold r: strings and streams whole, nothing too large, and
// no field or member twice, which would make the number of elements wrong.
func (q *queue) isRaw(k *key, r *format.Record) bool {
	whole := r.Part == format.PartWhole
	switch r.Kind {
	case format.String:
		return whole && len(k.name)+len(r.Value) <= rawElement
	case format.HyperLogLog:
		return false
	}
	size := 0
	for i := range r.Elements() {
		n := len(k.name) + elementSize(r, i)
		if size += n + rawOverhead; n > rawElement {
			return false
		}
	}
	if r.Kind == format.Stream {
		bare := func(e format.Entry) bool { return len(e.Fields) == 0 }
		return whole && size <= min(q.options.RawBytes, rawStream) && !slices.ContainsFunc(r.Entries, bare)
	}
	switch {
	case r.Elements() == 0:
		return k.queued > 0
	case r.Kind == format.List:
		return true
	}
	return k.follows(r) || whole && isDistinct(r)
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

// fold folds k if it is whole, and nobody is asked for it before it is sent.
func (q *queue) fold(k *key, r *format.Record) {
	if r.Part == format.PartWhole && k.queued == 1 && q.options.OnExists != Skip {
		q.raw.fold()
	}
}

// partOf returns where more of a collection goes; nil if nothing is to be sent.
func (q *queue) partOf(ctx context.Context, k *key) (*rawPart, error) {
	if ok, err := q.readyRaw(ctx, k); !ok || err != nil {
		return nil, err
	}
	if k.queued == 0 {
		q.raw.encoder.Begin(k.kind, k.name, k.expire)
	}
	return q.raw.begin(k), nil
}

// readyRaw makes room for more of k, and reports whether it is still to be sent.
func (q *queue) readyRaw(ctx context.Context, k *key) (bool, error) {
	o := q.options
	full := len(q.raw.parts) > 0 && q.raw.encoder.Len() >= o.RawBytes || len(q.batch.commands) >= o.BatchCommands ||
		o.BatchKeys > 0 && k.queued == 0 && q.batch.keys+len(q.raw.parts)+q.raw.folded >= o.BatchKeys
	if full {
		if err := q.flush(ctx); err != nil {
			return false, err
		}
	}
	return q.goesOn(ctx, k), nil
}
