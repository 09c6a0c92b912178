package archive

import (
	"bytes"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A Segment takes the records and skipped keys of one pass, in key order, and rolls them into
// chunks.
// It is for one goroutine.
type Segment struct {
	w         *Writer
	id        segmentID
	start     []byte // of the chunk at hand
	full      []byte // where the chunk at hand ends, for it is full; nil: it is not
	done      []byte // the last key of which all was said
	continues bool
	file      storage.File
	cw        *format.ChunkWriter
	number    int
}

// Segment begins the range from start on of the keys of one database and type; nil is the
// first.
func (w *Writer) Segment(db int, t format.Type, start []byte) *Segment {
	return &Segment{w: w, id: segmentID{db, t}, start: start}
}

// splitFactor is how many times as large as others a chunk grows before it is closed in
// the middle of a key.
const splitFactor = 4

// Record adds a record.
func (s *Segment) Record(r *format.Record) error {
	if err := s.reach(r.Key); err != nil {
		return err
	}
	if err := s.cw.Write(r); err != nil {
		return s.failed(err)
	}
	complete := r.Part&format.PartLast != 0
	if complete {
		s.done = append(s.done[:0], r.Key...)
	}
	full := s.cw.Full() || s.cw.Size() >= s.w.o.ChunkBytes
	switch {
	case full && complete:
		s.full = after(r.Key)
	case full && s.cw.Size() >= splitFactor*s.w.o.ChunkBytes:
		return s.seal(bytes.Clone(r.Key), true)
	}
	return nil
}

// reach makes sure that the chunk at hand has key in its range. A full one is sealed only when
// a key behind it comes: there may be more to say of its last key.
func (s *Segment) reach(key []byte) error {
	if s.full != nil && bytes.Compare(key, s.full) >= 0 {
		if err := s.seal(s.full, false); err != nil {
			return err
		}
	}
	return s.begin()
}

// after returns the key that follows in byte order.
func after(key []byte) []byte { return append(bytes.Clone(key), 0) }

// Skip notes a key of the pass that is not in the dump, or not wholly.
func (s *Segment) Skip(key []byte, reason, detail string) error {
	if err := s.reach(key); err != nil {
		return err
	}
	s.cw.Skip(key, reason, detail)
	if _, open := s.cw.Open(); !open {
		s.done = append(s.done[:0], key...)
		if s.cw.Full() {
			s.full = after(key)
		}
	}
	return nil
}

// Expire counts a key of the pass that expired before it was read.
func (s *Segment) Expire() error {
	if err := s.begin(); err != nil {
		return err
	}
	s.cw.Expire()
	return nil
}

// begin begins a chunk if none is at hand.
func (s *Segment) begin() error {
	if s.cw != nil {
		return nil
	}
	number, err := s.w.nextNumber(s.id)
	if err != nil {
		return err
	}
	s.number = number
	f, err := s.w.dir.Create(format.ChunkName(s.id.db, s.id.typ, s.number))
	if err != nil {
		return fmt.Errorf("begin chunk: %w", err)
	}
	s.file = f
	s.cw, err = format.NewChunkWriter(f, s.w.codec, format.Header{
		Dump: s.w.Info.Dump, DB: s.id.db, Type: s.id.typ, Number: s.number,
		Start: s.start, Continues: s.continues, Writer: s.w.Info.Tool,
	})
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// seal closes the chunk at hand; the next begins at next.
func (s *Segment) seal(next []byte, open bool) error {
	footer, err := s.cw.Close(next)
	if err != nil {
		return s.failed(err)
	}
	h := format.Header{DB: s.id.db, Type: s.id.typ, Number: s.number, Start: s.start, Continues: s.continues}
	if h.Start == nil {
		h.Start = []byte{}
	}
	if err := s.w.seal(s.file, format.NewChunkInfo(h, footer, s.cw.Size(), s.cw.SHA256())); err != nil {
		return err
	}
	s.start, s.continues, s.full, s.cw, s.file = next, open, nil, nil, nil
	return nil
}

func (s *Segment) failed(err error) error {
	return fmt.Errorf("chunk %s: %w", format.ChunkName(s.id.db, s.id.typ, s.number), err)
}

// Close ends the range before end, nil for the end of the keyspace: it is covered. A range
// without keys gets an empty chunk, which says so.
func (s *Segment) Close(end []byte) error {
	if s.cw == nil && end != nil && bytes.Equal(s.start, end) { // the last chunk reached it
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.seal(end, false)
}

// Checkpoint seals what the chunk at hand holds, for a pass that ends before its time: a resumed
// dump goes on behind it. It does nothing inside a key.
func (s *Segment) Checkpoint() error {
	if s.cw == nil {
		return nil
	}
	if _, open := s.cw.Open(); open || s.cw.Stats().Keys == 0 {
		return nil
	}
	return s.seal(after(s.done), false)
}

// Discard throws away the chunk at hand. After Close it does nothing.
func (s *Segment) Discard() {
	if s.cw != nil {
		s.cw.Wait()
	}
	if s.file != nil {
		s.file.Discard()
	}
}
