package archive

import (
	"bytes"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A Cursor goes over the records of one database and type in key order, and opens a chunk when it
// comes to it. It is for one goroutine.
type Cursor struct {
	a      *Archive
	typ    format.Type
	chunks []format.ChunkInfo // that are still to be opened
	open   opener
	src    records // nil: none is open
	begun  bool
	all    bool   // deleted names are met as well
	name   []byte // the key at hand; nil: none is left
}

type records interface {
	// Seek goes on to the next record whose key is not before key; io.EOF: there is none.
	Seek(key []byte) ([]byte, error)
	// Record returns that record.
	Record() *format.Record
	Close() error
}

// An opener opens a chunk of a full dump, or of a delta.
type opener func(*Archive, format.ChunkInfo) (records, error)

// Cursor returns a cursor before the first record, which reads only frames that can hold what is
// asked for.
func (a *Archive) Cursor(db int, t format.Type) *Cursor {
	return a.cursor(db, t, allChunks, false, (*Archive).someRecords)
}

// cursor returns one over the chunks that keep accepts.
func (a *Archive) cursor(db int, t format.Type, keep func(format.ChunkInfo) bool, all bool, open opener) *Cursor {
	s := &Cursor{a: a, typ: t, open: open, all: all}
	for _, c := range a.Manifest.Chunks {
		if c.DB == db && c.Type == t && c.Records > 0 && keep(c) {
			s.chunks = append(s.chunks, c)
		}
	}
	return s
}

func allChunks(format.ChunkInfo) bool { return true }

// cursors are those of several types, or of several dumps.
type cursors []*Cursor

// cursors returns a cursor for each type.
func (a *Archive) cursors(db int, keep func(format.ChunkInfo) bool, all bool, open opener) (each cursors) {
	for _, t := range format.Types {
		each = append(each, a.cursor(db, t, keep, all, open))
	}
	return each
}

// Close closes the files that are open.
func (cs cursors) Close() {
	for _, c := range cs {
		c.Close()
	}
}

// someRecords opens a chunk of which only frames are read that can hold what is asked for.
func (a *Archive) someRecords(c format.ChunkInfo) (records, error) {
	f, chunk, err := a.openAt(c)
	if err != nil {
		return nil, err
	}
	return someRecords{chunk.Keys(), f}, nil
}

type someRecords struct {
	*format.KeyCursor
	storage.Reader
}

// everyRecord opens a chunk of which all is read and checked.
func (a *Archive) everyRecord(c format.ChunkInfo) (records, error) {
	src, err := a.OpenChunk(c)
	return src, err
}

// reach moves to the first key that is not before key, and reports whether it is key.
func (s *Cursor) reach(key []byte) (is bool, err error) {
	if !s.begun || s.name != nil && bytes.Compare(s.name, key) < 0 {
		err = s.seek(key)
	}
	return err == nil && s.name != nil && bytes.Equal(s.name, key), err
}

// Seek goes on to the next record whose key is not before key, and returns it, valid until the next
// call; nil: there is none. With a nil key that is the next record.
func (s *Cursor) Seek(key []byte) (*format.Record, error) {
	if err := s.seek(key); err != nil || s.name == nil {
		return nil, err
	}
	return s.src.Record(), nil
}

// seek is Seek that leaves at hand what it comes to.
func (s *Cursor) seek(key []byte) error {
	for s.begun = true; ; {
		if s.src == nil {
			for len(s.chunks) > 0 && s.chunks[0].End != nil && bytes.Compare(s.chunks[0].End, key) < 0 {
				s.chunks = s.chunks[1:]
			}
			if len(s.chunks) == 0 {
				s.name = nil
				return nil
			}
			if err := s.next(); err != nil {
				return err
			}
		}
		name, err := s.src.Seek(key)
		if err == io.EOF {
			s.Close()
			continue
		}
		if err != nil {
			return err
		}
		if !s.all && s.src.Record().Kind == format.Deleted {
			continue
		}
		s.name = append(s.name[:0], name...)
		if s.name == nil {
			s.name = []byte{}
		}
		return nil
	}
}

func (s *Cursor) next() (err error) {
	c := s.chunks[0]
	if s.a.above != nil {
		s.src, err = s.a.merged(c, s.open)
	} else {
		s.src, err = s.open(s.a, c)
	}
	if err != nil {
		s.src = nil
		return err
	}
	s.chunks = s.chunks[1:]
	return nil
}

func (s *Cursor) Close() {
	if s.src != nil {
		s.src.Close()
		s.src = nil
	}
}

// merge calls found for each name that stands in at least so many types, in order, with the streams
// that are at it, which are valid until found returns.
func merge(streams cursors, least int, found func(name []byte, at cursors) error) error {
	defer streams.Close()
	for _, s := range streams {
		if err := s.seek(nil); err != nil {
			return err
		}
	}
	var at cursors
	for {
		var first *Cursor
		var second []byte // the name that comes behind first's, or is the same
		for _, s := range streams {
			switch {
			case s.name == nil:
			case first == nil:
				first = s
			case bytes.Compare(s.name, first.name) < 0:
				first, second = s, first.name
			case second == nil || bytes.Compare(s.name, second) < 0:
				second = s.name
			}
		}
		if first == nil || least > 1 && second == nil { // names of one type are left at most
			return nil
		}
		if least > 1 && !bytes.Equal(first.name, second) {
			if err := first.seek(second); err != nil {
				return err
			}
			continue
		}
		name := bytes.Clone(first.name)
		at = at[:0]
		for _, s := range streams {
			if s.name != nil && bytes.Equal(s.name, name) {
				at = append(at, s)
			}
		}
		if err := found(name, at); err != nil {
			return err
		}
		for _, s := range at {
			if err := s.seek(after(name)); err != nil {
				return err
			}
		}
	}
}

// withTypes returns what merge calls so that found has the types of the streams, valid until it
// returns.
func withTypes(found func(name []byte, types []format.Type) error) func([]byte, cursors) error {
	var types []format.Type
	return func(name []byte, at cursors) error {
		types = types[:0]
		for _, s := range at {
			types = append(types, s.typ)
		}
		return found(name, types)
	}
}
