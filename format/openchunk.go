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
