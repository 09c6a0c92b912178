package archive

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A Segment takes the records and skipped keys of one pass, in key order, and rolls them into
// chunks. It is for one goroutine.
type Segment struct {
	w         *Writer
	id        segmentID
	start     []byte // of the chunk at hand
	full      []byte // where the chunk at hand ends, for it is full; nil: it is not
	done      []byte // the last key of which all was said
	covered   bool   // by Covered, in the chunk at hand
	continues bool
	file      storage.File
	cw        *format.ChunkWriter
	number    int
	begun     time.Time // the chunk at hand
	records   int64     // that were added

	missed []missed  // keys of the chunk that is made again that may not come again
	passed int       // how many of them have come again, or have not
	all    bool      // every key that comes in parts is to begin a chunk
	parts  []sealing // chunks of a key that is not whole yet, and what came before it in the first
	sealed int64     // keys in chunks that are whole
}

// A sealing is a chunk that is closed, and not committed yet.
type sealing struct {
	file    storage.File
	info    format.ChunkInfo
	skipped []format.SkippedKey
}

// A missed key was taken back, and is to begin a chunk, or was skipped.
type missed struct {
	format.SkippedKey
	apart bool
}

// ErrTakenBack: a key was taken back, and with it those before it in its chunk. The pass is to be
// made again from Start on.
var ErrTakenBack = errors.New("a key changed while it was read, and its chunk is made anew")

// Segment begins the range from start on of the keys of one database and type; nil is the
// first. A pass by cursor cannot be made again: then each key that comes in parts begins a chunk.
func (w *Writer) Segment(db int, t format.Type, start []byte) *Segment {
	return &Segment{w: w, id: segmentID{db, t}, start: start, all: w.Info.Options.Scan == format.ScanCursor}
}

// splitFactor is how many times as large as others a chunk grows before it is closed in
// the middle of a key.
const splitFactor = 4

// Record adds a record.
func (s *Segment) Record(r *format.Record) error {
	if err := s.pass(r.Key, true); err != nil {
		return err
	}
	if s.all && r.Part == format.PartFirst && r.Kind != format.String { // it may have to be taken back
		if err := s.sealBefore(r.Key); err != nil {
			return err
		}
	}
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
	s.records++
	full := s.cw.Full() || s.cw.Size() >= s.w.o.ChunkBytes || s.records%agedRecords == 0 && s.isOld()
	switch {
	case full && complete, complete && s.continues: // what is taken back later must not have the end of this one with it
		s.full = after(r.Key)
	case full && s.cw.Size() >= splitFactor*s.w.o.ChunkBytes:
		return s.seal(bytes.Clone(r.Key), true)
	}
	return nil
}

// agedRecords is after how many records it is looked whether the chunk at hand is old.
const agedRecords = 16

// isOld reports whether the chunk at hand was begun so long ago that it is sealed, however small: a
// run that is killed loses what is not sealed, and may be held to a low rate.
func (s *Segment) isOld() bool {
	return s.w.o.SealAfter > 0 && time.Since(s.begun) >= s.w.o.SealAfter
}

// pass makes each key that was taken back and is not behind key begin a chunk. Those that do not
// come again are skipped: all but key itself, if it comes.
func (s *Segment) pass(key []byte, comes bool) error {
	for s.passed < len(s.missed) {
		k := s.missed[s.passed]
		n := bytes.Compare(k.Key, key)
		if key != nil && (n > 0 || n == 0 && !comes) {
			break
		}
		s.passed++
		if k.apart {
			if err := s.sealBefore(k.Key); err != nil {
				return err
			}
		}
		if n == 0 {
			break
		}
		if err := s.Skip(k.Key, k.Reason, k.Detail); err != nil {
			return err
		}
	}
	return nil
}

// sealBefore makes a chunk begin at key.
func (s *Segment) sealBefore(key []byte) error {
	if bytes.Compare(s.start, key) >= 0 {
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.seal(bytes.Clone(key), false)
}

// Drop takes back a key that is not whole. Where frames hold a part of it, what stands before it in
// its chunk goes with it: then the error is ErrTakenBack, and the chunk that is made again ends
// before the key. Reason is why it is skipped if it does not come again.
func (s *Segment) Drop(key []byte, reason string) error {
	if s.cw != nil && s.cw.Drop() {
		return nil
	}
	start := s.start
	var skipped []format.SkippedKey
	for i := range s.parts {
		if i == 0 {
			start = s.parts[0].info.Start
		}
		skipped = append(skipped, s.parts[i].skipped...)
	}
	if s.cw != nil {
		skipped = append(skipped, s.cw.Skipped()...)
	}
	s.Discard()
	s.cw, s.file, s.full, s.start, s.continues = nil, nil, nil, start, false
	if bytes.Equal(start, key) {
		return nil
	}
	s.miss(append(skipped, format.SkippedKey{Key: bytes.Clone(key), Reason: reason, Detail: "while it was read in pieces"}))
	return ErrTakenBack
}

// miss notes the keys, the last of which was taken back, beside those of before that are in the
// chunk as well.
func (s *Segment) miss(keys []format.SkippedKey) {
	s.missed = slices.DeleteFunc(s.missed, func(k missed) bool { return bytes.Compare(k.Key, s.start) < 0 })
	for i, k := range keys {
		at := slices.IndexFunc(s.missed, func(m missed) bool { return bytes.Equal(m.Key, k.Key) })
		if at < 0 {
			at, s.missed = len(s.missed), append(s.missed, missed{SkippedKey: k})
		}
		s.missed[at].apart = s.missed[at].apart || i == len(keys)-1
	}
	slices.SortFunc(s.missed, func(a, b missed) int { return bytes.Compare(a.Key, b.Key) })
	s.passed = 0
}

// Start returns the first key that can be in the chunk at hand.
func (s *Segment) Start() []byte { return s.start }

// Sealed returns how many keys are in the chunks before it.
func (s *Segment) Sealed() int64 { return s.sealed }

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

// Skip notes a key of the pass that is not in the dump, or not wholly.
func (s *Segment) Skip(key []byte, reason, detail string) error {
	if err := s.pass(key, true); err != nil {
		return err
	}
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
	s.w.mu.Lock()
	number, err := s.w.numbers.next(s.id)
	s.w.mu.Unlock()
	if err != nil {
		return err
	}
	s.number, s.begun = number, time.Now()
	f, err := s.w.dir.Create(format.ChunkName(s.id.db, s.id.typ, s.number))
	if err != nil {
		return fmt.Errorf("begin chunk: %w", err)
	}
	s.file = f
	s.cw, err = format.NewChunkWriter(f, s.w.codec, format.Header{
		Version: s.w.Info.Version, Dump: s.w.Info.Dump, DB: s.id.db, Type: s.id.typ, Number: s.number,
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
	s.parts = append(s.parts, sealing{s.file, format.NewChunkInfo(h, footer, s.cw.Size(), s.cw.SHA256()), footer.Skipped})
	s.start, s.continues, s.full, s.cw, s.file, s.covered = next, open, nil, nil, nil, false
	if open { // the key may have to be taken back
		return nil
	}
	return s.commit()
}

// commit commits the chunks of which all keys are whole.
func (s *Segment) commit() error {
	for len(s.parts) > 0 {
		p := s.parts[0]
		if s.parts = s.parts[1:]; len(s.parts) == 0 {
			s.parts = nil
		}
		if err := s.w.seal(p.file, p.info); err != nil {
			return err
		}
		s.sealed += p.info.Keys
	}
	return nil
}

func (s *Segment) failed(err error) error {
	return fmt.Errorf("chunk %s: %w", format.ChunkName(s.id.db, s.id.typ, s.number), err)
}

// Close ends the range before end, nil for the end of the keyspace: it is covered. A range
// without keys gets an empty chunk, which says so.
func (s *Segment) Close(end []byte) error {
	if err := s.pass(end, false); err != nil {
		return err
	}
	if s.cw == nil && end != nil && bytes.Equal(s.start, end) { // the last chunk reached it
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.seal(end, false)
}

// Covered says that all was said of the keys up to key, of which there may have been nothing to
// say. An old chunk is sealed there.
func (s *Segment) Covered(key []byte) error {
	if err := s.reach(key); err != nil {
		return err
	}
	s.done, s.covered = append(s.done[:0], key...), true
	if s.isOld() {
		return s.Checkpoint()
	}
	return nil
}

// Checkpoint seals what the chunk at hand holds, for a pass that ends before its time: a resumed
// dump goes on behind it. It does nothing inside a key.
func (s *Segment) Checkpoint() error {
	if s.cw == nil {
		return nil
	}
	if _, open := s.cw.Open(); open || s.cw.Stats().Keys+s.cw.Stats().Deleted == 0 && !s.covered {
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
	for _, p := range s.parts {
		p.file.Discard()
	}
	s.parts = nil
}
