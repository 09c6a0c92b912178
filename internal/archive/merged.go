package archive

import (
	"bytes"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A merged gives the records of a chunk as they are after deltas, in key order: of each key those
// of the newest that has it. It holds one frame of the chunk and of each delta.
type merged struct {
	chunk   format.ChunkInfo
	base    *ChunkSource // of the chunk; nil: there is none below the deltas, or not all of it is read
	streams []*Cursor    // the oldest first: the chunk's, if there is one, and of its type the deltas'
	deleted bool         // what deltas delete is given as well
	given   int          // whose record was given last: an index in streams, or none
}

const none = -1

// merged returns what a chunk of the base amounts to; open opens it.
func (a *Archive) merged(c format.ChunkInfo, open opener) (*merged, error) {
	c = a.above.chunks[c.Name]
	src, err := open(a, c)
	if err != nil {
		return nil, err
	}
	m := newMerged(c, append([]*Cursor{{typ: c.Type, src: src}}, cursorsOf(a.above.deltas, c.DB, c.Type)...))
	m.base, _ = src.(*ChunkSource)
	return m, nil
}

// cursorsOf returns what each of the deltas says of a database and type, deleted names with it.
func cursorsOf(deltas []*Archive, db int, t format.Type) []*Cursor {
	cursors := make([]*Cursor, len(deltas))
	for i, d := range deltas {
		cursors[i] = d.cursor(db, t, allChunks, true, (*Archive).someRecords)
	}
	return cursors
}

func newMerged(c format.ChunkInfo, streams []*Cursor) *merged {
	return &merged{chunk: c, streams: streams, given: none}
}

func (m *merged) Seek(key []byte) ([]byte, error) {
	if bytes.Compare(key, m.chunk.Start) < 0 {
		key = m.chunk.Start
	}
	for i, s := range m.streams {
		if !s.begun || m.given == i || s.name != nil && bytes.Compare(s.name, key) < 0 {
			if err := s.seek(key); err != nil {
				return nil, err
			}
		}
	}
	for {
		m.given = m.lead()
		if m.given == none {
			return nil, io.EOF
		}
		name := m.streams[m.given].name
		for _, s := range m.streams[:m.given] { // what is older goes behind the name
			if s.name != nil && bytes.Equal(s.name, name) {
				if err := s.seek(after(name)); err != nil {
					return nil, err
				}
			}
		}
		if !m.hides(name) {
			return name, nil
		}
		if err := m.streams[m.given].seek(after(name)); err != nil {
			return nil, err
		}
	}
}

// lead returns who has the least name at hand: the newest, if several have it.
func (m *merged) lead() int {
	lead := none
	for i, s := range m.streams {
		switch {
		case s.name == nil:
		case lead != none && bytes.Compare(s.name, m.streams[lead].name) > 0:
		case lead != none || m.chunk.InRange(s.name): // what comes before a key of the chunk is, too
			lead = i
		}
	}
	return lead
}

// hides reports whether nothing is to be given for a name: it is deleted, or the chunk continues
// it, and a delta that has it gave it for the chunk before.
func (m *merged) hides(name []byte) bool {
	givenBefore := m.given > 0 && m.chunk.Continues && bytes.Equal(name, m.chunk.Start)
	return givenBefore || !m.deleted && m.Record().Kind == format.Deleted
}

func (m *merged) Record() *format.Record { return m.streams[m.given].src.Record() }

// Next returns the next record, as a ChunkSource does.
func (m *merged) Next() (*format.Record, error) {
	if _, err := m.Seek(nil); err != nil {
		return nil, err
	}
	return m.Record(), nil
}

// reserveGiants is that of the chunk's reader. Giants of deltas are not counted.
func (m *merged) reserveGiants(reserve func(bytes int64) error) {
	if m.base != nil {
		m.base.reserveGiants(reserve)
	}
}

// Read returns how many bytes of the chunk have been read.
func (m *merged) Read() int64 {
	if m.base != nil {
		return m.base.Read()
	}
	return 0
}

// Close closes the files.
func (m *merged) Close() error {
	cursors(m.streams).Close()
	return nil
}
