package archive

import (
	"bytes"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A NameCursor goes over the names of one database, of whatever type, in byte order; in a delta
// over deleted ones, too. It is for one goroutine.
type NameCursor struct {
	cursors
	next []byte // from which on the next name is
}

// Names returns a cursor before the first name that is not before start.
func (a *Archive) Names(db int, start []byte) *NameCursor {
	return &NameCursor{a.cursors(db, allChunks, true, (*Archive).someRecords), start}
}

// Next returns the next name, valid until the next call, and io.EOF at the end.
func (c *NameCursor) Next() ([]byte, error) {
	var first *Cursor
	for _, s := range c.cursors {
		if _, err := s.reach(c.next); err != nil {
			return nil, err
		}
		if s.name != nil && (first == nil || bytes.Compare(s.name, first.name) < 0) {
			first = s
		}
	}
	if first == nil {
		return nil, io.EOF
	}
	c.next = after(first.name)
	return c.next[:len(c.next)-1], nil
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

// A SkippedCursor goes over the skipped keys of one database and type, in order, for one goroutine.
type SkippedCursor struct {
	a      *Archive
	chunks []format.ChunkInfo
	keys   []format.SkippedKey // of the chunk at hand
	start  []byte
}

// SkippedKeys returns a cursor before the first skipped key that is not before start.
func (a *Archive) SkippedKeys(db int, t format.Type, start []byte) *SkippedCursor {
	c := &SkippedCursor{a: a, start: start}
	for _, chunk := range a.Manifest.Chunks {
		if chunk.DB == db && chunk.Type == t && chunk.Skipped > 0 && (chunk.End == nil || bytes.Compare(chunk.End, start) >= 0) {
			c.chunks = append(c.chunks, chunk)
		}
	}
	return c
}

// Next returns the next key and why it was skipped, and io.EOF at the end.
func (c *SkippedCursor) Next() (k format.SkippedKey, err error) {
	for {
		for len(c.keys) > 0 {
			if k, c.keys = c.keys[0], c.keys[1:]; bytes.Compare(k.Key, c.start) >= 0 {
				return k, nil
			}
		}
		if len(c.chunks) == 0 {
			return k, io.EOF
		}
		if c.keys, err = c.a.skippedOf(c.chunks[0]); err != nil {
			return k, err
		}
		c.chunks = c.chunks[1:]
		slices.SortStableFunc(c.keys, func(x, y format.SkippedKey) int { return bytes.Compare(x.Key, y.Key) })
	}
}
