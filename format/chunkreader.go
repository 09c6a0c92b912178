package format

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A ChunkReader reads a chunk from its first byte to its last and checks all of it.
type ChunkReader struct {
	name   string
	r      *bufio.Reader
	codec  *Codec
	header Header
	footer Footer

	hash  hash.Hash
	seek  []seekEntry
	seq   sequence
	stats Stats
	index [][]byte // the key of the first record of each

	indexed int64 // bytes in index

	start int64    // offset of the current frame
	next  int64    // offset of the frame after
	frame rawFrame // current
	raw   []byte   // what it decompresses to
	off   int      // offset in raw of the next record
	err   error

	reserve func(bytes int64) error // asked before a giant frame; nil: nobody is
}

// giant is from how many bytes on a frame is one of a giant record: its memory is not kept for the
// frames after it.
const giant = 4 * FrameTarget

// ReserveGiants lets reserve wait before a frame of a giant record is read, until there is room for
// so many bytes: the frame as it is stored, and its content. It is called with 0 when they are not
// needed any more. Its error is that of Next.
func (cr *ChunkReader) ReserveGiants(reserve func(bytes int64) error) { cr.reserve = reserve }

// beforeGiant reserves room for a frame's content.
func (cr *ChunkReader) beforeGiant(content uint64) error {
	if content <= giant || cr.reserve == nil {
		return nil
	}
	return cr.reserve(2 * int64(content))
}

// NewChunkReader reads the header of the chunk in r. The name is for errors: the
// file's name within the dump.
func NewChunkReader(r io.Reader, codec *Codec, name string) (*ChunkReader, error) {
	cr := &ChunkReader{name: name, r: bufio.NewReaderSize(r, 64<<10), codec: codec, hash: sha256.New()}
	err := cr.readFrame()
	if err == nil && cr.frame.skippable {
		err = errFrame
	}
	if err == nil {
		err = decodeHeader(cr.raw, &cr.header)
	}
	if err != nil {
		return nil, cr.fail(noEOF(err))
	}
	if cr.header.Continues {
		cr.seq.continues(cr.header.Start)
	}
	cr.off = len(cr.raw)
	return cr, nil
}

// Header returns the chunk's header.
func (cr *ChunkReader) Header() Header { return cr.header }

// Footer returns the chunk's footer, after Next has returned io.EOF.
func (cr *ChunkReader) Footer() Footer { return cr.footer }

// SHA256 returns the hash of the whole file, after Next has returned io.EOF.
func (cr *ChunkReader) SHA256() []byte { return cr.hash.Sum(nil) }

// Size returns how many bytes of the file have been read so far.
func (cr *ChunkReader) Size() int64 { return cr.next }

// Next reads the next record into rec. It returns io.EOF after the last, when the whole file has
// been checked. Errors are final. The slices of rec are valid until the next call.
func (cr *ChunkReader) Next(rec *Record) error {
	for cr.err == nil && cr.off == len(cr.raw) {
		cr.nextFrame()
	}
	if cr.err != nil {
		return cr.err
	}
	n, err := DecodeRecord(cr.raw[cr.off:], rec)
	if err == nil {
		err = cr.accept(rec, n)
	}
	if err != nil {
		return cr.fail(fmt.Errorf("record at byte %d of the frame: %w", cr.off, err))
	}
	cr.off += n
	return nil
}

// NextFrame returns the next frame of records, decompressed, when all of its records have been
// checked as Next checks them; DecodeRecord reads them. The frame is the caller's. It returns
// io.EOF as Next does. A ChunkReader is read with Next or with NextFrame, not with both.
func (cr *ChunkReader) NextFrame() ([]byte, error) {
	var rec Record
	for first := true; first || cr.off < len(cr.raw); first = false {
		if err := cr.Next(&rec); err != nil {
			return nil, err
		}
	}
	frame := cr.raw
	cr.raw, cr.off = nil, 0
	return frame, nil
}

func (cr *ChunkReader) accept(rec *Record, size int) error {
	if err := cr.header.holds(rec.Kind); err != nil {
		return err
	}
	if cr.off == 0 { // the others of a frame come after its first
		if bytes.Compare(rec.Key, cr.header.Start) < 0 {
			return fmt.Errorf("key %q lies before the chunk's range", short(rec.Key))
		}
		cr.index = append(cr.index, bytes.Clone(rec.Key))
		if cr.indexed += int64(len(rec.Key)); cr.indexed > MaxFrame { // no footer could hold it
			return fmt.Errorf("index of more than %d bytes: %w", MaxFrame, ErrLimit)
		}
	}
	cr.stats.count(rec, size)
	return cr.seq.next(rec)
}

// nextFrame reads the next frame of records, or the end of the chunk; it sets err.
func (cr *ChunkReader) nextFrame() {
	err := cr.readFrame()
	if err == nil && cr.frame.skippable {
		err = errFrame
	}
	switch {
	case err != nil:
		cr.fail(noEOF(err))
	case isMap(cr.raw):
		if err := cr.readEnd(); err != nil {
			cr.fail(noEOF(err))
			return
		}
		cr.err = io.EOF
	default:
		cr.off = 0
	}
}

// isMap tells the footer from records: its first byte is a map's.
func isMap(raw []byte) bool {
	return raw[0]&0xf0 == mpFixMap || raw[0] == mpMap16 || raw[0] == mpMap32
}

// readFrame reads and decompresses one frame. It returns io.EOF only between frames.
func (cr *ChunkReader) readFrame() error {
	cr.start = cr.next
	if cap(cr.raw) > giant {
		cr.raw, cr.frame.data = nil, nil
		if cr.reserve != nil {
			if err := cr.reserve(0); err != nil {
				return err
			}
		}
	}
	f, err := readFrame(cr.r, cr.frame.data, cr.beforeGiant)
	cr.frame = f
	if err != nil {
		return err
	}
	cr.next += int64(len(f.data))
	if f.skippable {
		return nil
	}
	if len(cr.seek) >= MaxFrames {
		return fmt.Errorf("more than %d frames: %w", MaxFrames, ErrLimit)
	}
	cr.hash.Write(f.data)
	raw, err := cr.codec.decode(f, cr.raw)
	if err != nil {
		return err
	}
	cr.raw, cr.off = raw, 0
	cr.seek = append(cr.seek, seekEntry{uint32(len(f.data)), uint32(len(raw)), f.checksum()})
	if len(raw) > giant {
		cr.frame.data = nil // only its content is needed from here on
	}
	return nil
}

// readEnd checks everything from the footer, which is in raw, to the end of the file.
func (cr *ChunkReader) readEnd() error {
	var f Footer
	if err := decodeFooter(cr.raw, cr.header.Version, &f); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	if err := cr.checkFooter(&f); err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	sum := cr.hash.Sum(nil)
	if err := cr.readFrame(); err != nil {
		return err
	}
	d := cr.frame
	if d.magic != digestMagic || len(d.data) != 8+digestSize {
		return fmt.Errorf("%w: the digest must follow the footer", errFrame)
	}
	if !bytes.Equal(d.data[8:], sum) {
		return ErrChecksum
	}
	cr.hash.Write(d.data)
	cr.seek = append(cr.seek, seekEntry{uint32(len(d.data)), 0, emptyChecksum})
	if err := cr.readFrame(); err != nil {
		return err
	}
	if !bytes.Equal(cr.frame.data, appendSeekTable(nil, cr.seek)) {
		return errors.New("the seek table does not fit the frames")
	}
	cr.hash.Write(cr.frame.data)
	cr.start = cr.next
	switch _, err := cr.r.ReadByte(); err {
	case io.EOF:
	case nil:
		return errors.New("bytes follow the end of the chunk")
	default:
		return sourceError{err}
	}
	cr.footer = f
	return nil
}

func (cr *ChunkReader) checkFooter(f *Footer) error {
	if f.Stats != cr.stats {
		return fmt.Errorf("it counts %+v, but the chunk holds %+v", f.Stats, cr.stats)
	}
	if f.Open != cr.seq.open {
		return fmt.Errorf("it says open=%v, but the last record says open=%v", f.Open, cr.seq.open)
	}
	if err := f.validate(&cr.header, len(cr.index)); err != nil {
		return err
	}
	for i, k := range f.Index {
		if !bytes.Equal(k, cr.index[i]) {
			return fmt.Errorf("the index has a wrong key for frame %d", i+1)
		}
	}
	return checkEnd(&cr.header, cr.seq.key, cr.seq.started, cr.seq.open, f.End)
}

// fail makes err final, with the place where it was met.
func (cr *ChunkReader) fail(err error) error {
	cr.err = corrupt(cr.name, cr.start, err)
	return cr.err
}
