package format

import (
	"bytes"
	"fmt"
	"io"
)

// A KeyCursor goes over the keys of a chunk in order. It reads only frames that can hold a key that
// is asked for, and checks what it reads.
type KeyCursor struct {
	c   *Chunk
	at  int // of the frame in raw: its place in the index; -1: none is
	raw []byte
	off int
	rec Record
}

// Keys returns a cursor before the first key.
func (c *Chunk) Keys() *KeyCursor { return &KeyCursor{c: c, at: -1} }

// Record returns the record at which Seek has stopped, valid until the next call.
func (k *KeyCursor) Record() *Record { return &k.rec }

// Seek goes on to the next record whose key is not before key, and returns its key, valid until the
// next call; io.EOF: there is none. A key in several records is met at the first of them.
func (k *KeyCursor) Seek(key []byte) ([]byte, error) {
	index := k.c.Footer.Index
	reaches := func(frame int) bool { return frame < len(index) && bytes.Compare(index[frame], key) < 0 }
	for {
		for k.off < len(k.raw) && !reaches(k.at+1) {
			n, err := DecodeRecord(k.raw[k.off:], &k.rec)
			if err == nil {
				err = k.c.Header.holds(k.rec.Kind)
			}
			if err != nil {
				return nil, k.c.corrupt(k.at+1, fmt.Errorf("record at byte %d of the frame: %w", k.off, err))
			}
			k.off += n
			if bytes.Compare(k.rec.Key, key) >= 0 {
				return k.rec.Key, nil
			}
		}
		next := k.at + 1
		for reaches(next + 1) {
			next++
		}
		if next >= len(index) {
			return nil, io.EOF
		}
		if cap(k.raw) > 4*FrameTarget { // after a giant record
			k.raw = nil
		}
		raw, err := k.c.frame(next+1, k.raw)
		if err != nil {
			return nil, err
		}
		k.at, k.raw, k.off = next, raw, 0
	}
}
