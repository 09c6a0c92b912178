package format

import (
	"fmt"
	"math"
)

// DecodeRecord reads one record from the start of buf into r and returns how many
// bytes it took. Slices of r point into buf; r's own slices are used again. On an
// error the count is the offset of the value that could not be read.
func DecodeRecord(buf []byte, r *Record) (int, error) {
	c := cursor{buf: buf}
	c.record(r)
	if c.err == nil {
		c.err = r.validateHead()
	}
	return c.off, c.err
}

func (c *cursor) record(r *Record) {
	n := c.array()
	kind := c.uint()
	if c.err != nil {
		return
	}
	want := 0
	if kind <= math.MaxUint8 {
		want = kinds[kind].values
	}
	if want == 0 {
		c.fail(fmt.Errorf("%w %d: the dump was written by a newer pikadump; use a newer kvload", ErrKind, kind))
		return
	}
	if n != want {
		c.fail(fmt.Errorf("%s record of %d values, not %d", Kind(kind), n, want))
		return
	}
	r.Kind, r.Key, r.Expire, r.Part = Kind(kind), c.bin(), 0, PartWhole
	r.Value, r.Elems, r.Scores, r.Entries, r.State = nil, r.Elems[:0], r.Scores[:0], r.Entries[:0], nil
	if r.Kind == Deleted {
		return
	}
	expire := c.uint()
	if expire > math.MaxInt64 {
		c.fail(fmt.Errorf("expiry %d: %w", expire, ErrLimit))
	}
	r.Expire = int64(expire)
	if r.Kind != HyperLogLog {
		part := c.uint()
		if part > uint64(PartWhole) {
			c.fail(fmt.Errorf("unknown part bits %#x", part))
		}
		r.Part = Part(part)
	}
	switch r.Kind {
	case String, HyperLogLog:
		r.Value = c.bin()
	case Stream:
		c.stream(r)
	default:
		c.elements(r)
	}
}

func (c *cursor) elements(r *Record) {
	n := c.array()
	if n%2 != 0 && (r.Kind == Hash || r.Kind == Zset) {
		c.fail(fmt.Errorf("%s record with an odd number of values", r.Kind))
		return
	}
	if r.Kind == Zset {
		for i := 0; i < n && c.err == nil; i += 2 {
			r.Elems = append(r.Elems, c.bin())
			r.Scores = append(r.Scores, c.float())
		}
		return
	}
	for i := 0; i < n && c.err == nil; i++ {
		r.Elems = append(r.Elems, c.bin())
	}
}

func (c *cursor) stream(r *Record) {
	n := c.array()
	for i := 0; i < n && c.err == nil; i++ {
		if len(r.Entries) < cap(r.Entries) {
			r.Entries = r.Entries[:i+1]
		} else {
			r.Entries = append(r.Entries, Entry{})
		}
		c.entry(&r.Entries[i])
	}
	if !c.null() {
		r.State = c.streamState()
	}
	if c.err == nil && (r.State != nil) != (r.Part&PartLast != 0) {
		c.fail(fmt.Errorf("stream state must stand on the last part, and only there"))
	}
}

func (c *cursor) entry(e *Entry) {
	if n := c.array(); n != 3 && c.err == nil {
		c.fail(fmt.Errorf("stream entry of %d values, not 3", n))
	}
	e.ID = StreamID{c.uint(), c.uint()}
	n := c.array()
	if n%2 != 0 {
		c.fail(fmt.Errorf("stream entry %s with a field that has no value", e.ID))
	}
	e.Fields = e.Fields[:0]
	for i := 0; i < n && c.err == nil; i++ {
		e.Fields = append(e.Fields, c.bin())
	}
}

func (c *cursor) streamState() *StreamState {
	if n := c.array(); n != 5 && c.err == nil {
		c.fail(fmt.Errorf("stream state of %d values, not 5", n))
	}
	return &StreamState{
		LastID:       StreamID{c.uint(), c.uint()},
		MaxDeletedID: StreamID{c.uint(), c.uint()},
		EntriesAdded: c.uint(),
	}
}
