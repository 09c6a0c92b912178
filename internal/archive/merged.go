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
	base    names         // the records of the chunk; nil: there are none below the deltas
	name    []byte        // the key of base's record at hand; nil: none is left
	deltas  []*nameStream // the oldest first; of the type of the chunk, deleted names with them
	deleted bool          // what deltas delete is given as well
	begun   bool
	given   int // whose record was given last: an index in deltas, or ofBase
}

const (
	ofBase  = -1
	ofNoOne = -2
)

// merged returns what a chunk of the base amounts to; open opens it.
func (a *Archive) merged(c format.ChunkInfo, open func(format.ChunkInfo) (names, error)) (*merged, error) {
	c = a.above.chunks[c.Name]
	base, err := open(c)
	if err != nil {
		return nil, err
	}
	return newMerged(c, base, streamsOf(a.above.deltas, c.DB, c.Type)), nil
}

// streamsOf returns what each of the deltas says of a database and type.
func streamsOf(deltas []*Archive, db int, t format.Type) []*nameStream {
	streams := make([]*nameStream, len(deltas))
	for i, d := range deltas {
		streams[i] = d.nameStream(db, t, allChunks, d.namesAt)
		streams[i].all = true
	}
	return streams
}

func newMerged(c format.ChunkInfo, base names, deltas []*nameStream) *merged {
	return &merged{chunk: c, base: base, deltas: deltas, given: ofNoOne}
}

// Seek goes on to the next record whose key is not before key; io.EOF: there is none.
func (m *merged) Seek(key []byte) ([]byte, error) {
	if err := m.advance(key); err != nil {
		return nil, err
	}
	for {
		lead, name := m.lead()
		if lead == ofNoOne {
			return nil, io.EOF
		}
		if err := m.passOlder(lead, name); err != nil {
			return nil, err
		}
		if lead == ofBase || !m.hides(lead, name) {
			m.given = lead
			return name, nil
		}
		if err := m.deltas[lead].seek(after(name)); err != nil {
			return nil, err
		}
	}
}

// hides reports whether nothing is to be given for a name that a delta has: it is deleted, or the
// chunk continues it, and the one before has given it.
func (m *merged) hides(delta int, name []byte) bool {
	if m.chunk.Continues && bytes.Equal(name, m.chunk.Start) {
		return true
	}
	return !m.deleted && m.deltas[delta].src.Record().Kind == format.Deleted
}

// advance moves everyone to key, and whose record was given behind that record.
func (m *merged) advance(key []byte) error {
	first := !m.begun
	m.begun = true
	if m.base != nil && (first || m.given == ofBase || m.name != nil && bytes.Compare(m.name, key) < 0) {
		if err := m.seekBase(key); err != nil {
			return err
		}
	}
	if first && bytes.Compare(key, m.chunk.Start) < 0 {
		key = m.chunk.Start
	}
	for i, d := range m.deltas {
		if first || m.given == i || d.name != nil && bytes.Compare(d.name, key) < 0 {
			if err := d.seek(key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *merged) seekBase(key []byte) error {
	name, err := m.base.Seek(key)
	if err == io.EOF {
		m.name = nil
		return nil
	}
	if err == nil {
		m.name = append(m.name[:0], name...)
		if m.name == nil {
			m.name = []byte{}
		}
	}
	return err
}

// lead returns who has the least name at hand: the newest, if several have it.
func (m *merged) lead() (lead int, name []byte) {
	lead = ofNoOne
	if m.name != nil {
		lead, name = ofBase, m.name
	}
	for i, d := range m.deltas {
		if d.name != nil && m.inRange(d.name) && (lead == ofNoOne || bytes.Compare(d.name, name) <= 0) {
			lead, name = i, d.name
		}
	}
	return lead, name
}

// inRange reports whether a name is not behind the chunk.
func (m *merged) inRange(name []byte) bool {
	if m.chunk.End == nil {
		return true
	}
	c := bytes.Compare(name, m.chunk.End)
	return c < 0 || c == 0 && m.chunk.Open
}

// passOlder moves those that are older than lead behind the name that lead has.
func (m *merged) passOlder(lead int, name []byte) error {
	if lead == ofBase {
		return nil
	}
	if m.name != nil && bytes.Equal(m.name, name) {
		if err := m.seekBase(after(name)); err != nil {
			return err
		}
	}
	for _, d := range m.deltas[:lead] {
		if d.name != nil && bytes.Equal(d.name, name) {
			if err := d.seek(after(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Record returns the record that Seek gave.
func (m *merged) Record() *format.Record {
	if m.given == ofBase {
		return m.base.Record()
	}
	return m.deltas[m.given].src.Record()
}

// Next returns the next record, as a ChunkSource does.
func (m *merged) Next() (*format.Record, error) {
	if _, err := m.Seek(nil); err != nil {
		return nil, err
	}
	return m.Record(), nil
}

// reserveGiants is that of the chunk's reader. Giants of deltas are not counted.
func (m *merged) reserveGiants(reserve func(bytes int64) error) {
	if base, ok := m.base.(everyRecord); ok {
		base.reserveGiants(reserve)
	}
}

// Read returns how many bytes of the chunk have been read.
func (m *merged) Read() int64 {
	if base, ok := m.base.(everyRecord); ok {
		return base.Read()
	}
	return 0
}

// Close closes the files.
func (m *merged) Close() error {
	for _, d := range m.deltas {
		d.close()
	}
	if m.base == nil {
		return nil
	}
	return m.base.Close()
}

// everyRecord gives the records of a chunk one by one, and checks all of it.
type everyRecord struct{ *ChunkSource }

func (e everyRecord) Record() *format.Record { return &e.rec }

func (e everyRecord) Seek(key []byte) ([]byte, error) {
	for {
		r, err := e.Next()
		if err != nil {
			return nil, err
		}
		if bytes.Compare(r.Key, key) >= 0 {
			return r.Key, nil
		}
	}
}
