package delta

import (
	"bytes"
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A sink takes what names are in one type.
type sink struct {
	seg     *archive.Segment
	typ     format.Type
	first   bool // of the types of the part
	meter   *progress.Meter
	counter *progress.Counter
	alone   bool // see Options.Again

	names []Name // those at hand
	may   []reader.TypeSet
	next  int    // the first of which nothing was said yet
	open  []byte // the key of which something was written last
}

// read reads the names at hand: in the type, if they may have it.
func (s *sink) read(ctx context.Context, k *reader.KeyReader, names []Name, may []reader.TypeSet) error {
	s.names, s.may, s.next, s.open = names, may, 0, nil
	var keys [][]byte
	alone := true
	for i, n := range names {
		if n.Unlisted == "" && may[i].Has(s.typ) && !reader.IsInternal(n.Key) {
			keys = append(keys, n.Key)
			alone = alone && may[i].IsOne()
		}
	}
	if len(keys) > 0 {
		read := k.ReadKeys
		if alone && s.alone {
			read = k.ReadAlone
		}
		if err := read(ctx, s.typ, keys, s); err != nil {
			return err
		}
	}
	return s.upTo(len(names))
}

// upTo says of the names before a place that the type does not have them.
func (s *sink) upTo(place int) error {
	for ; s.next < place; s.next++ {
		if err := s.absent(&s.names[s.next]); err != nil {
			return err
		}
	}
	return nil
}

// absent says that the type does not have a name.
func (s *sink) absent(n *Name) error {
	s.counter.Add(0, 0, 1)
	switch {
	case n.Unlisted != "":
		if s.typ == format.TypeStream {
			return s.skip(n.Key, reader.Unlisted, n.Unlisted)
		}
		return nil
	case reader.IsInternal(n.Key):
		if s.typ == format.TypeSet {
			return s.skip(n.Key, reader.Internal, "")
		}
		return nil
	case n.hidden != "":
		if s.first {
			return s.skip(n.Key, reader.Gone, n.hidden)
		}
		return nil
	}
	return s.seg.Record(&format.Record{Kind: format.Deleted, Key: n.Key, Part: format.PartWhole})
}

func (s *sink) skip(key []byte, reason reader.Reason, detail string) error {
	s.meter.LeftOut(string(reason), 1)
	return s.seg.Skip(key, string(reason), detail)
}

// place returns the place of a key among the names at hand.
func (s *sink) place(key []byte) int {
	for i := s.next; i < len(s.names); i++ {
		if n := &s.names[i]; n.Unlisted == "" && bytes.Equal(n.Key, key) {
			return i
		}
	}
	return s.next
}

// Record takes a key, or the next part of one.
func (s *sink) Record(r *format.Record) error {
	if r.Part&format.PartFirst != 0 {
		place := s.place(r.Key)
		if err := s.upTo(place); err != nil {
			return err
		}
		s.next, s.open = place+1, s.names[place].Key
		s.counter.Add(1, 0, 1)
	}
	s.counter.Add(0, int64(len(r.Key)+r.Size()), 0)
	s.counter.AddElements(int64(r.Elements()))
	return s.seg.Record(r)
}

// Skip takes a key that is not there, or was not read, or not wholly.
func (s *sink) Skip(key []byte, reason reader.Reason, detail string) error {
	if s.open != nil && bytes.Equal(s.open, key) { // more is to be said of it
		return s.skip(key, reason, detail)
	}
	place := s.place(key)
	if err := s.upTo(place); err != nil {
		return err
	}
	switch {
	case reason == reader.Gone, reason == reader.Expired, reason == reader.DeletedOrExpired,
		reason == reader.Retyped && !s.may[place].IsOne(): // what was not told by name may be of any type
		return s.upTo(place + 1)
	}
	s.next = place + 1
	s.counter.Add(0, 0, 1)
	return s.skip(key, reason, detail)
}

// Drop takes back a key that changed while it was read in pieces.
func (s *sink) Drop(key []byte, reason reader.Reason) error {
	if err := s.seg.Drop(key, string(reason)); err != nil {
		return err
	}
	s.next--
	s.open = nil
	return nil
}
