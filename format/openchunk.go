package format

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Chunk is a sealed chunk opened for reading at random: header and footer have been
// read, frames are read when asked for. It checks what it reads, but not the
// rest of the file: ChunkReader does. It is for one goroutine.
type Chunk struct {
	Header Header
	Footer Footer

	name    string
	r       io.ReaderAt
	codec   *Codec
	seek    []seekEntry
	offsets []int64
	stored  []byte // the last frame that was read
	in      bufio.Reader
	data    []byte
}

// OpenChunk reads the seek table, header and footer of a chunk of size bytes.
func OpenChunk(r io.ReaderAt, size int64, codec *Codec, name string) (*Chunk, error) {
	seek, err := readSeekTable(r, size)
	if err != nil {
		return nil, corrupt(name, max(0, size-seekFooterSize), err)
	}
	c := &Chunk{name: name, r: r, codec: codec, seek: seek}
	off := int64(0)
	for _, e := range seek {
		c.offsets = append(c.offsets, off)
		off += int64(e.compressed)
	}
	raw, err := c.frame(0, nil)
	if err != nil {
		return nil, err
	}
	if err := decodeHeader(raw, &c.Header); err != nil {
		return nil, c.corrupt(0, err)
	}
	last := len(seek) - 2
	if raw, err = c.frame(last, nil); err != nil {
		return nil, err
	}
	if err = decodeFooter(raw, c.Header.Version, &c.Footer); err == nil {
		err = c.Footer.validate(&c.Header, len(seek)-3)
	}
	if err != nil {
		return nil, c.corrupt(last, fmt.Errorf("footer: %w", err))
	}
	return c, nil
}

func (c *Chunk) corrupt(frame int, err error) error {
	return corrupt(c.name, c.offsets[frame], err)
}

// frame reads frame i with one ReadAt, for that may be a request to a server, and
// decompresses it into dst, which it may grow.
func (c *Chunk) frame(i int, dst []byte) ([]byte, error) {
	e := c.seek[i]
	c.stored = slices.Grow(c.stored[:0], int(e.compressed))[:e.compressed] // no more than the file holds: readSeekTable
	if err := readAt(c.r, c.stored, c.offsets[i]); err != nil {
		return nil, c.corrupt(i, err)
	}
	c.in.Reset(bytes.NewReader(c.stored))
	f, err := readFrame(&c.in, c.data, nil)
	c.data = f.data
	if err == nil && (f.skippable || uint32(len(f.data)) != e.compressed || f.content != uint64(e.decompressed) || f.checksum() != e.checksum) {
		err = errors.New("the frame does not fit the seek table")
	}
	if err == nil {
		dst, err = c.codec.decode(f, dst)
	}
	if err != nil {
		return nil, c.corrupt(i, noEOF(err))
	}
	return dst, nil
}

// SHA256 reads the whole file, checks it against its digest and returns its hash.
func (c *Chunk) SHA256() ([]byte, error) {
	digest := len(c.seek) - 1
	h := sha256.New()
	// In large pieces: each may be a request to a server.
	if _, err := io.CopyBuffer(h, io.NewSectionReader(c.r, 0, c.offsets[digest]), make([]byte, 1<<20)); err != nil {
		return nil, c.corrupt(0, sourceError{err})
	}
	sum := h.Sum(nil)
	rest := make([]byte, 8+digestSize)
	if err := readAt(c.r, rest, c.offsets[digest]); err != nil {
		return nil, c.corrupt(digest, err)
	}
	if binary.LittleEndian.Uint32(rest) != digestMagic || binary.LittleEndian.Uint32(rest[4:]) != digestSize || !bytes.Equal(rest[8:], sum) {
		return nil, c.corrupt(digest, ErrChecksum)
	}
	h.Write(rest)
	h.Write(appendSeekTable(nil, c.seek)) // byte for byte what readSeekTable accepted
	return h.Sum(nil), nil
}

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
