package archive

import (
	"bytes"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A nameStream gives the names of one database and type in order, and skips those that
// no other type can have without reading them.
type nameStream struct {
	dir    storage.Store
	codec  *format.Codec
	typ    format.Type
	chunks []format.ChunkInfo
	file   storage.Reader // nil: none is open
	keys   *format.KeyCursor
	name   []byte // the name at hand; nil: none is left
}

// seek moves to the first name that is not before key. It only moves forward.
func (s *nameStream) seek(key []byte) error {
	for {
		if s.file == nil {
			for len(s.chunks) > 0 && s.chunks[0].End != nil && bytes.Compare(s.chunks[0].End, key) < 0 {
				s.chunks = s.chunks[1:]
			}
			if len(s.chunks) == 0 {
				s.name = nil
				return nil
			}
			if err := s.open(s.chunks[0]); err != nil {
				return err
			}
			s.chunks = s.chunks[1:]
		}
		name, err := s.keys.Seek(key)
		if err == io.EOF {
			s.close()
			continue
		}
		if err != nil {
			return inDir(s.dir, err)
		}
		s.name = append(s.name[:0], name...)
		if s.name == nil {
			s.name = []byte{}
		}
		return nil
	}
}

func (s *nameStream) open(c format.ChunkInfo) error {
	f, chunk, err := openAt(s.dir, s.codec, c)
	if err != nil {
		return err
	}
	s.file, s.keys = f, chunk.Keys()
	return nil
}

func (s *nameStream) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// findConflicts calls found for each name of db that stands in at least two types.
func findConflicts(dir storage.Store, codec *format.Codec, chunks []format.ChunkInfo, db int, found func([]byte, []format.Type) error) error {
	var streams []*nameStream
	for _, t := range format.Types {
		s := &nameStream{dir: dir, codec: codec, typ: t}
		defer s.close()
		for _, c := range chunks {
			if c.DB == db && c.Type == t && c.Records > 0 {
				s.chunks = append(s.chunks, c)
			}
		}
		if err := s.seek(nil); err != nil {
			return err
		}
		streams = append(streams, s)
	}
	var types []format.Type
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
		if second == nil { // names of one type are left at most
			return nil
		}
		if !bytes.Equal(first.name, second) {
			if err := first.seek(second); err != nil {
				return err
			}
			continue
		}
		name := bytes.Clone(second)
		types = types[:0]
		for _, s := range streams {
			if s.name == nil || !bytes.Equal(s.name, name) {
				continue
			}
			types = append(types, s.typ)
			if err := s.seek(after(name)); err != nil {
				return err
			}
		}
		if err := found(name, types); err != nil {
			return err
		}
	}
}
