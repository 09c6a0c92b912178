package archive

import (
	"bytes"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A nameStream gives the names of one database and type in order: of a delta those that are there.
type nameStream struct {
	typ    format.Type
	chunks []format.ChunkInfo // that are still to be opened
	open   func(format.ChunkInfo) (names, error)
	src    names // nil: none is open
	begun  bool
	all    bool   // deleted names are met as well
	name   []byte // the name at hand; nil: none is left
}

// names are those of a chunk.
type names interface {
	// Seek goes on to the next record whose key is not before key; io.EOF: there is none.
	Seek(key []byte) ([]byte, error)
	// Record returns that record.
	Record() *format.Record
	Close() error
}

// nameStreams returns a stream for each type, of the chunks of a database that keep accepts.
func (a *Archive) nameStreams(db int, keep func(format.ChunkInfo) bool, open func(format.ChunkInfo) (names, error)) []*nameStream {
	var streams []*nameStream
	for _, t := range format.Types {
		streams = append(streams, a.nameStream(db, t, keep, open))
	}
	return streams
}

func (a *Archive) nameStream(db int, t format.Type, keep func(format.ChunkInfo) bool, open func(format.ChunkInfo) (names, error)) *nameStream {
	s := &nameStream{typ: t, open: open}
	for _, c := range a.Manifest.Chunks {
		if c.DB == db && c.Type == t && c.Records > 0 && keep(c) {
			s.chunks = append(s.chunks, c)
		}
	}
	return s
}

func allChunks(format.ChunkInfo) bool { return true }

// namesAt opens a chunk of which only frames are read that can hold what is asked for.
func (a *Archive) namesAt(c format.ChunkInfo) (names, error) {
	if a.above != nil {
		return a.merged(c, a.ownNamesAt)
	}
	return a.ownNamesAt(c)
}

func (a *Archive) ownNamesAt(c format.ChunkInfo) (names, error) {
	f, chunk, err := a.openAt(c)
	if err != nil {
		return nil, err
	}
	return namesAt{chunk.Keys(), f}, nil
}

type namesAt struct {
	*format.KeyCursor
	storage.Reader
}

// everyName opens a chunk of which all is read and checked.
func (a *Archive) everyName(c format.ChunkInfo) (names, error) {
	if a.above != nil {
		return a.merged(c, a.everyRecord)
	}
	return a.everyRecord(c)
}

func (a *Archive) everyRecord(c format.ChunkInfo) (names, error) {
	src, err := a.OpenChunk(c)
	return everyRecord{src}, err
}

// reach moves to the first name that is not before key, and reports whether it is key.
func (s *nameStream) reach(key []byte) (is bool, err error) {
	if !s.begun || s.name != nil && bytes.Compare(s.name, key) < 0 {
		err = s.seek(key)
	}
	return err == nil && s.name != nil && bytes.Equal(s.name, key), err
}

// seek moves to the next record whose name is not before key.
func (s *nameStream) seek(key []byte) error {
	for s.begun = true; ; {
		if s.src == nil {
			for len(s.chunks) > 0 && s.chunks[0].End != nil && bytes.Compare(s.chunks[0].End, key) < 0 {
				s.chunks = s.chunks[1:]
			}
			if len(s.chunks) == 0 {
				s.name = nil
				return nil
			}
			src, err := s.open(s.chunks[0])
			if err != nil {
				return err
			}
			s.src, s.chunks = src, s.chunks[1:]
		}
		name, err := s.src.Seek(key)
		if err == io.EOF {
			s.close()
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

func (s *nameStream) close() {
	if s.src != nil {
		s.src.Close()
		s.src = nil
	}
}

// merge calls found for each name that stands in at least so many types, in order, with the streams
// that are at it, which are valid until found returns.
func merge(streams []*nameStream, least int, found func(name []byte, at []*nameStream) error) error {
	for _, s := range streams {
		defer s.close()
		if err := s.seek(nil); err != nil {
			return err
		}
	}
	var at []*nameStream
	for {
		var first *nameStream
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
func withTypes(found func(name []byte, types []format.Type) error) func([]byte, []*nameStream) error {
	var types []format.Type
	return func(name []byte, at []*nameStream) error {
		types = types[:0]
		for _, s := range at {
			types = append(types, s.typ)
		}
		return found(name, types)
	}
}
