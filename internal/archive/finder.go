package archive

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Finder finds keys of one database that are asked for in byte order: it goes over each type's
// chunks once, and reads only frames that can hold one of them. It is for one goroutine.
type Finder struct {
	cursors
	a     *Archive
	db    int
	types []format.Type
	last  []byte // the key that was asked for last; nil: none was
}

// Finder returns a Finder before the first key. If types are given, it finds keys of them only.
func (a *Archive) Finder(db int, types ...format.Type) *Finder {
	keep := allChunks
	if len(types) > 0 {
		keep = func(c format.ChunkInfo) bool { return slices.Contains(types, c.Type) }
	}
	return &Finder{cursors: a.cursors(db, keep, true, (*Archive).someRecords), a: a, db: db, types: types}
}

// Find calls emit for each record of the keys of that name, of whatever type, and for deleted ones
// of a delta. A key that comes out of order is found as well, at the price of Archive.Find.
func (f *Finder) Find(key []byte, emit func(*format.Record) error) error {
	if f.last != nil && bytes.Compare(key, f.last) <= 0 {
		again := f.a.Finder(f.db, f.types...)
		defer again.Close()
		return again.Find(key, emit)
	}
	f.last = append([]byte{}, key...)
	for _, s := range f.cursors {
		is, err := s.reach(key)
		for is && err == nil {
			if err = emit(s.src.Record()); err == nil {
				err = s.seek(key) // the next part of it, or the key behind
			}
			is = s.name != nil && bytes.Equal(s.name, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Find does for one key what Finder.Find does.
func (a *Archive) Find(db int, key []byte, emit func(*format.Record) error) error {
	f := a.Finder(db)
	defer f.Close()
	return f.Find(key, emit)
}

// Missing calls lacks for each of keys, which stand in byte order without repetition, that
// none of the chunks of the database has that keep accepts, or that are deleted in a delta. It
// reads each frame at most once.
func (a *Archive) Missing(db int, keep func(format.ChunkInfo) bool, keys [][]byte, lacks func(key []byte) error) error {
	held := make([]bool, len(keys))
	for _, s := range a.cursors(db, keep, false, (*Archive).someRecords) { // one after the other: each holds a frame
		for i, key := range keys {
			is, err := s.reach(key)
			if err != nil {
				s.Close()
				return err
			}
			held[i] = held[i] || is
		}
		s.Close()
	}
	for i, key := range keys {
		if !held[i] {
			if err := lacks(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// Keys hands over every key of db in byte order, with the types in which it stands, from the
// chunks that keep accepts, which it checks as a load does. Deleted ones of a delta are none.
func (a *Archive) Keys(db int, keep func(format.ChunkInfo) bool, each func(key []byte, types []format.Type) error) error {
	begins := func(c format.ChunkInfo) bool { return (c.Keys > 0 || a.above != nil) && keep(c) }
	return merge(a.cursors(db, begins, false, (*Archive).everyRecord), 1, withTypes(each))
}

// FrameKeys returns the first key of each frame of a database: they are spread as its records.
func (a *Archive) FrameKeys(db int) (keys [][]byte, err error) {
	for _, c := range a.Manifest.Chunks {
		if c.DB != db || c.Records == 0 {
			continue
		}
		footer, err := a.readFooter(c)
		if err != nil {
			return nil, err
		}
		keys = append(keys, footer.Index...)
	}
	return keys, nil
}

// A Change is what a name of a delta has become in one type.
type Change struct {
	Type format.Type
	Kind format.Kind // format.Deleted: it is gone
}

// Changes hands over every name of db in byte order, with what it has become in each type, from the
// chunks that keep accepts, which it checks as a load does. A type in which a name could not be
// read is missing. What is handed over is valid until each returns. It is for a delta; of a full
// dump no name is gone.
func (a *Archive) Changes(db int, keep func(format.ChunkInfo) bool, each func(name []byte, is []Change) error) error {
	var is []Change
	return merge(a.cursors(db, keep, true, (*Archive).everyRecord), 1, func(name []byte, at cursors) error {
		is = is[:0]
		for _, s := range at {
			is = append(is, Change{s.typ, s.src.Record().Kind})
		}
		return each(name, is)
	})
}

// A NameCursor goes over the names of one database, of whatever type, in byte order; in a delta
// over deleted ones, too. It is for one goroutine.
type NameCursor struct {
	cursors
	next []byte // from which on the next name is
	at   []byte
}

// Names returns a cursor before the first name that is not before start.
func (a *Archive) Names(db int, start []byte) *NameCursor {
	return &NameCursor{cursors: a.cursors(db, allChunks, true, (*Archive).someRecords), next: start}
}

// At returns the name at hand; nil: there is none, before the first and behind the last.
func (c *NameCursor) At() []byte { return c.at }

// Next goes on to the next name.
func (c *NameCursor) Next() error {
	var first *Cursor
	for _, s := range c.cursors {
		if _, err := s.reach(c.next); err != nil {
			return err
		}
		if s.name != nil && (first == nil || bytes.Compare(s.name, first.name) < 0) {
			first = s
		}
	}
	if c.at = nil; first != nil {
		c.next = after(first.name)
		c.at = c.next[:len(c.next)-1]
	}
	return nil
}

// Has goes on to a name, which is not before the one before, and reports whether it is there.
func (c *NameCursor) Has(name []byte) (has bool, err error) {
	for _, s := range c.cursors {
		is, err := s.reach(name)
		if err != nil {
			return false, err
		}
		has = has || is
	}
	return has, nil
}
