package archive

import (
	"bytes"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Up to Pika 3.5 one name can stand in several types. The chunks of each type are in key
// order, so that a merge over them finds every such name, in constant memory (nameStream).

// A keyStream gives the keys of one database and type in order.
type keyStream struct {
	open   func(format.ChunkInfo) (*ChunkSource, error)
	typ    format.Type
	chunks []format.ChunkInfo
	src    *ChunkSource
	key    []byte // the key at hand; nil: none is left
	buf    []byte
}

// next moves to the next key.
func (s *keyStream) next() error {
	for {
		if s.src == nil {
			if len(s.chunks) == 0 {
				s.key = nil
				return nil
			}
			src, err := s.open(s.chunks[0])
			if err != nil {
				return err
			}
			s.src, s.chunks = src, s.chunks[1:]
		}
		r, err := s.src.Next()
		switch {
		case err == io.EOF:
			s.src.Close()
			s.src = nil
		case err != nil:
			return err
		case r.Part&format.PartFirst != 0:
			s.buf = append(s.buf[:0], r.Key...)
			s.key = s.buf
			if s.key == nil {
				s.key = []byte{}
			}
			return nil
		}
	}
}

// writeConflicts writes conflicts.jsonl if any name stands in several types.
func writeConflicts(dir storage.Store, codec *format.Codec, m *format.Manifest) (f format.File, n int64, err error) {
	var l *list
	defer func() {
		if l != nil && err != nil {
			l.discard()
		}
	}()
	for _, db := range m.Options.Databases {
		err := findConflicts(dir, codec, m.Chunks, db, func(key []byte, types []format.Type) error {
			if l == nil {
				var err error
				if l, err = newList(dir, format.ConflictsName); err != nil {
					return err
				}
			}
			n++
			return l.add(ConflictKey{db, key, name(key), types})
		})
		if err != nil {
			return f, n, err
		}
	}
	if l != nil {
		f, err = l.commit()
	}
	return f, n, err
}

// Keys hands over every key of db in byte order, with the types in which it stands, from the
// chunks that keep accepts.
func (a *Archive) Keys(db int, keep func(format.ChunkInfo) bool, each func(key []byte, types []format.Type) error) error {
	var chunks []format.ChunkInfo
	for _, c := range a.Manifest.Chunks {
		if keep(c) {
			chunks = append(chunks, c)
		}
	}
	return mergeKeys(a.OpenChunk, chunks, db, each)
}

// Find calls emit for each record of the keys of that name, of whatever type.
func (a *Archive) Find(db int, key []byte, emit func(*format.Record) error) error {
	for _, c := range a.Manifest.Chunks {
		if c.DB != db || c.Keys == 0 && !c.Continues || string(key) < string(c.Start) || c.End != nil && string(key) > string(c.End) {
			continue
		}
		if err := a.find(c, key, emit); err != nil {
			return err
		}
	}
	return nil
}

// mergeKeys calls found for each key of db.
func mergeKeys(open func(format.ChunkInfo) (*ChunkSource, error), chunks []format.ChunkInfo, db int,
	found func([]byte, []format.Type) error) error {
	var streams []*keyStream
	defer func() {
		for _, s := range streams {
			if s.src != nil {
				s.src.Close()
			}
		}
	}()
	for _, t := range format.Types {
		s := &keyStream{open: open, typ: t}
		for _, c := range chunks {
			if c.DB == db && c.Type == t && c.Keys > 0 {
				s.chunks = append(s.chunks, c)
			}
		}
		if len(s.chunks) > 0 {
			streams = append(streams, s)
		}
	}
	for _, s := range streams {
		if err := s.next(); err != nil {
			return err
		}
	}
	var types []format.Type
	at := []byte{}
	for {
		var first []byte // a stream's own, until it moves on
		for _, s := range streams {
			if s.key != nil && (first == nil || bytes.Compare(s.key, first) < 0) {
				first = s.key
			}
		}
		if first == nil {
			return nil
		}
		at = append(at[:0], first...)
		types = types[:0]
		for _, s := range streams {
			if s.key == nil || !bytes.Equal(s.key, at) {
				continue
			}
			types = append(types, s.typ)
			if err := s.next(); err != nil {
				return err
			}
		}
		if err := found(bytes.Clone(at), types); err != nil {
			return err
		}
	}
}
