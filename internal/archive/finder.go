package archive

import (
	"bytes"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Finder finds keys of one database that are asked for in byte order: it goes over each type's
// chunks once, and reads only frames that can hold one of them. It is for one goroutine.
type Finder struct {
	a       *Archive
	db      int
	streams []*nameStream
	begun   bool
	last    []byte // the key that was asked for last
}

// Finder returns a Finder before the first key.
func (a *Archive) Finder(db int) *Finder {
	f := &Finder{a: a, db: db}
	for _, t := range format.Types {
		s := &nameStream{dir: a.dir, codec: a.codec, typ: t}
		for _, c := range a.Manifest.Chunks {
			if c.DB == db && c.Type == t && c.Records > 0 {
				s.chunks = append(s.chunks, c)
			}
		}
		f.streams = append(f.streams, s)
	}
	return f
}

// Find calls emit for each record of the keys of that name, of whatever type. A key that comes out
// of order is found as well, at the price of Archive.Find.
func (f *Finder) Find(key []byte, emit func(*format.Record) error) error {
	if f.begun && bytes.Compare(key, f.last) <= 0 {
		return f.a.Find(f.db, key, emit)
	}
	f.last = append(f.last[:0], key...)
	for _, s := range f.streams {
		if !f.begun || s.name != nil && bytes.Compare(s.name, key) < 0 {
			if err := s.seek(key); err != nil {
				return err
			}
		}
		for s.name != nil && bytes.Equal(s.name, key) {
			if err := emit(s.keys.Record()); err != nil {
				return err
			}
			if err := s.seek(key); err != nil { // the next part of it, or the key behind
				return err
			}
		}
	}
	f.begun = true
	return nil
}

// Close closes the files.
func (f *Finder) Close() {
	for _, s := range f.streams {
		s.close()
	}
}
