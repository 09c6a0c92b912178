package format

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// A Footer closes a chunk (docs/FORMAT.md §4.2).
type Footer struct {
	End   []byte `msgpack:"end"`  // the key to go on from; nil: the range is open to the end
	Open  bool   `msgpack:"open"` // the last record was not its key's last: End is that key
	Stats Stats  `msgpack:"stats"`
	// Expired is how many listed keys of the range expired before they were read.
	Expired int64 `msgpack:"expired"`
	// Skipped are the listed keys of the range that are not in the dump, or not wholly.
	Skipped []SkippedKey `msgpack:"skipped"`
	// Index holds the key of the first record of each frame of records.
	Index [][]byte `msgpack:"index"`
}

// A SkippedKey is a key that is not in the dump, or not wholly, and why.
type SkippedKey struct {
	Key    []byte
	Reason string // short fixed text
	Detail string // more about this key; may be empty
}

// EncodeMsgpack writes the key as an array of its fields.
func (k SkippedKey) EncodeMsgpack(enc *msgpack.Encoder) error {
	return errors.Join(enc.EncodeArrayLen(3), enc.EncodeBytes(k.Key), enc.EncodeString(k.Reason), enc.EncodeString(k.Detail))
}

// Stats counts what is in a chunk.
type Stats struct {
	Records  int64 `msgpack:"records" json:"records"`
	Keys     int64 `msgpack:"keys" json:"keys"`         // keys whose first record is here
	Elements int64 `msgpack:"elements" json:"elements"` // as Record.Elements counts
	Expiring int64 `msgpack:"expiring" json:"expiring"` // of Keys, those with an expiry
	Raw      int64 `msgpack:"raw" json:"raw_bytes"`     // bytes of the records' msgpack
	// Deleted counts records of that kind, which are no Keys: of a delta.
	Deleted int64 `msgpack:"-" json:"deleted,omitempty"`
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	s.Records += o.Records
	s.Keys += o.Keys
	s.Elements += o.Elements
	s.Expiring += o.Expiring
	s.Raw += o.Raw
	s.Deleted += o.Deleted
}

func (s *Stats) count(r *Record, size int) {
	s.Records++
	s.Elements += int64(r.Elements())
	s.Raw += int64(size)
	if r.Kind == Deleted {
		s.Deleted++
		return
	}
	if r.Part&PartFirst != 0 {
		s.Keys++
		if r.Expire != 0 {
			s.Expiring++
		}
	}
}

// contradictory reports counts that no chunk can have.
func (s *Stats) contradictory() bool {
	return min(s.Records, s.Keys, s.Elements, s.Expiring, s.Raw, s.Deleted) < 0 || s.Expiring > s.Keys ||
		s.Keys > s.Records || s.Deleted > s.Records-s.Keys
}

// deltaFooter is the footer of a chunk of version 2: it counts what was deleted.
type deltaFooter struct {
	End     []byte       `msgpack:"end"`
	Open    bool         `msgpack:"open"`
	Stats   deltaStats   `msgpack:"stats"`
	Expired int64        `msgpack:"expired"`
	Skipped []SkippedKey `msgpack:"skipped"`
	Index   [][]byte     `msgpack:"index"`
}

type deltaStats struct {
	Stats
	Deleted int64 `msgpack:"deleted"`
}

// marshal returns the msgpack of a footer of that version.
func (f *Footer) marshal(version int) ([]byte, error) {
	if version == Version1 {
		return marshalMap(f)
	}
	return marshalMap(&deltaFooter{f.End, f.Open, deltaStats{f.Stats, f.Stats.Deleted}, f.Expired, f.Skipped, f.Index})
}

// validate checks what a footer says by itself, in a chunk with so many frames of records.
func (f *Footer) validate(h *Header, frames int) error {
	s := f.Stats
	switch {
	case len(f.End) > MaxBulk+1:
		return fmt.Errorf("end of %d bytes: %w", len(f.End), ErrLimit)
	case s.contradictory():
		return errors.New("its counts contradict each other")
	case len(f.Index) != frames:
		return fmt.Errorf("it indexes %d frames of %d", len(f.Index), frames)
	case f.Expired < 0:
		return errors.New("its counts contradict each other")
	case (frames > 0) != (s.Records > 0):
		return fmt.Errorf("it counts %d records in %d frames", s.Records, frames)
	}
	last := h.Start
	for i, k := range f.Index {
		if bytes.Compare(k, last) < 0 {
			return fmt.Errorf("the key of frame %d is out of order", i+1)
		}
		last = k
	}
	for _, k := range f.Skipped {
		if !inRange(h.Start, f.End, f.Open, k.Key) {
			return fmt.Errorf("skipped key %q lies outside the range", short(k.Key))
		}
	}
	if f.End != nil && frames > 0 && bytes.Compare(last, f.End) > 0 {
		return errors.New("the last frame lies behind the end of the range")
	}
	return checkRange(h.Start, f.End, f.Open)
}

// inRange reports whether a key lies in the range of a chunk.
func inRange(start, end []byte, open bool, key []byte) bool {
	if bytes.Compare(key, start) < 0 {
		return false
	}
	c := bytes.Compare(key, end)
	return end == nil || c < 0 || c == 0 && open
}

// decodeFooter reads the footer that data must be, of a chunk of that version.
func decodeFooter(data []byte, version int, f *Footer) error {
	c := cursor{buf: data}
	c.fields([]field{
		{"end", func() {
			if !c.null() {
				f.End = slices.Clone(c.binMax(MaxBulk + 1))
			}
		}},
		{"open", func() { f.Open = c.bool() }},
		{"stats", func() { c.stats(version, &f.Stats) }},
		{"expired", func() { f.Expired = int64(c.int()) }},
		{"skipped", func() {
			f.Skipped = make([]SkippedKey, c.array())
			for i := range f.Skipped {
				f.Skipped[i] = c.skipped()
			}
		}},
		{"index", func() {
			f.Index = make([][]byte, c.array())
			for i := range f.Index {
				f.Index[i] = slices.Clone(c.bin())
			}
		}},
	})
	return c.end()
}
