package format

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A ChunkWriter writes one chunk. While a frame of it is being compressed and written the next is
// filled. After an error it must be thrown away, and what it wrote with it.
type ChunkWriter struct {
	frames *frameWriter
	header Header
	footer Footer
	seq    sequence
	raw    []byte // records of the frame that is being filled
	spare  []byte // of the frame that is under way
	index  int    // bytes of keys in footer.Index
	before *mark  // nil: the key at hand is whole, or a frame holds a part of it
	err    error
}

// A mark is what the writer was before a key.
type mark struct {
	seq                  sequence
	stats                Stats
	raw, frames, indexed int
}

// NewChunkWriter begins a chunk on w, of the version that h says; 0 is version 1. It writes the
// header at once.
func NewChunkWriter(w io.Writer, codec *Codec, h Header) (*ChunkWriter, error) {
	h.Magic, h.Version = Magic, max(h.Version, Version1)
	h.Start = append([]byte{}, h.Start...) // never nil, and the chunk's own
	if err := h.validate(); err != nil {
		return nil, fmt.Errorf("begin chunk: %w", err)
	}
	cw := &ChunkWriter{header: h, frames: &frameWriter{w: w, codec: codec, hash: sha256.New(), done: make(chan error, 1)}}
	if h.Continues {
		cw.seq.continues(h.Start)
	}
	data, err := marshalMap(&h)
	if err != nil {
		return nil, fmt.Errorf("begin chunk: %w", err)
	}
	return cw, cw.writeFrame(data)
}

// Write adds a record. It keeps nothing of r. Records must come in the order
// that docs/FORMAT.md §5.3 asks for and lie in the chunk's range.
func (cw *ChunkWriter) Write(r *Record) error {
	if cw.err != nil {
		return cw.err
	}
	if r.Part&PartFirst != 0 {
		cw.before = nil
		if r.Part == PartFirst {
			cw.before = &mark{cw.seq, cw.footer.Stats, len(cw.raw), len(cw.footer.Index), cw.index}
			cw.before.seq.key = bytes.Clone(cw.seq.key)
		}
	}
	if err := cw.check(r); err != nil {
		cw.err = fmt.Errorf("write record: %w", err)
		return cw.err
	}
	before := len(cw.raw)
	cw.raw = AppendRecord(cw.raw, r)
	size := len(cw.raw) - before
	cw.footer.Stats.count(r, size)
	if before > 0 && size >= FrameTarget { // it gets a frame of its own
		cw.before = nil
		if err := cw.writeFrame(cw.raw[:before]); err != nil {
			return err
		}
		cw.raw = cw.raw[before:]
		before = 0
	}
	if before == 0 {
		cw.footer.Index = append(cw.footer.Index, bytes.Clone(r.Key))
		cw.index += len(r.Key) + 8
	}
	if len(cw.raw) >= FrameTarget {
		return cw.flush()
	}
	return nil
}

// Drop takes back the parts of a key whose last has not come, if no frame holds one yet.
func (cw *ChunkWriter) Drop() bool {
	m := cw.before
	if m == nil || !cw.seq.open {
		return false
	}
	cw.seq, cw.footer.Stats, cw.raw = m.seq, m.stats, cw.raw[:m.raw]
	cw.footer.Index, cw.index, cw.before = cw.footer.Index[:m.frames], m.indexed, nil
	return true
}

func (cw *ChunkWriter) check(r *Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if err := cw.header.holds(r.Kind); err != nil {
		return err
	}
	if bytes.Compare(r.Key, cw.header.Start) < 0 {
		return fmt.Errorf("key %q lies before the chunk's range", short(r.Key))
	}
	return cw.seq.next(r)
}

// Skip notes a key of the chunk's range that is not in the dump, or not wholly.
func (cw *ChunkWriter) Skip(key []byte, reason, detail string) {
	detail = strings.ToValidUTF8(detail, "\uFFFD") // a server may have put the bytes of a key into it
	cw.footer.Skipped = append(cw.footer.Skipped, SkippedKey{bytes.Clone(key), reason, detail})
	cw.index += len(key) + len(reason) + len(detail) + 16
}

// Skipped returns what Skip has noted.
func (cw *ChunkWriter) Skipped() []SkippedKey { return cw.footer.Skipped }

// Expire counts a key of the chunk's range that expired before it was read.
func (cw *ChunkWriter) Expire() { cw.footer.Expired++ }

// Size returns how many bytes of the chunk have been written so far. Of a frame that is under way
// all bytes count, uncompressed.
func (cw *ChunkWriter) Size() int64 { return cw.frames.bytes + int64(cw.frames.ahead) }

// Wait returns when nothing is under way any more. A writer that is thrown away must not be
// writing.
func (cw *ChunkWriter) Wait() { cw.fail(cw.frames.settle()) }

// Stats counts what has been written so far.
func (cw *ChunkWriter) Stats() Stats { return cw.footer.Stats }

// Full reports that the chunk holds as much as its index should cover: the caller
// should close it and begin another, whatever its size.
func (cw *ChunkWriter) Full() bool {
	return cw.index >= indexTarget || cw.frames.frames >= MaxFrames/2
}

// Open reports whether the last record was not its key's last, and the key.
func (cw *ChunkWriter) Open() (key []byte, open bool) { return cw.seq.key, cw.seq.open }

// flush sends the frame that is being filled on its way.
func (cw *ChunkWriter) flush() error {
	if len(cw.raw) == 0 {
		return nil
	}
	cw.before = nil
	if cap(cw.raw) > 4*FrameTarget { // of a giant record: not two of them at once
		err := cw.writeFrame(cw.raw)
		cw.raw = nil
		return err
	}
	err := cw.fail(cw.frames.launch(cw.raw))
	cw.raw, cw.spare = cw.spare[:0], cw.raw
	return err
}

func (cw *ChunkWriter) writeFrame(data []byte) error { return cw.fail(cw.frames.write(data)) }

// fail keeps the first error.
func (cw *ChunkWriter) fail(err error) error {
	if cw.err == nil {
		cw.err = err
	}
	return cw.err
}

// Close finishes the chunk: end is the key to go on from, nil when the range is open
// to the end of the keyspace. When the last record left its key open, end must be that
// key. It returns the footer and does not close the underlying writer.
func (cw *ChunkWriter) Close(end []byte) (Footer, error) {
	if cw.err != nil {
		return Footer{}, cw.err
	}
	if err := cw.flush(); err != nil {
		return Footer{}, err
	}
	key, open := cw.Open()
	if err := checkEnd(&cw.header, key, cw.seq.started, open, end); err != nil {
		return Footer{}, fmt.Errorf("close chunk: %w", err)
	}
	cw.footer.End, cw.footer.Open = end, open
	for _, k := range cw.footer.Skipped {
		if !inRange(cw.header.Start, end, open, k.Key) {
			return Footer{}, fmt.Errorf("close chunk: skipped key %q lies outside the range", short(k.Key))
		}
	}
	if cw.footer.Index == nil {
		cw.footer.Index = [][]byte{}
	}
	if cw.footer.Skipped == nil {
		cw.footer.Skipped = []SkippedKey{}
	}
	data, err := cw.footer.marshal(cw.header.Version)
	if err != nil {
		return Footer{}, fmt.Errorf("close chunk: %w", err)
	}
	if err := cw.writeFrame(data); err != nil {
		return Footer{}, err
	}
	if err := cw.fail(cw.frames.finish()); err != nil {
		return Footer{}, err
	}
	cw.err = errors.New("write chunk: the chunk is closed")
	return cw.footer, nil
}

// SHA256 returns the hash of the whole file, after Close.
func (cw *ChunkWriter) SHA256() []byte { return cw.frames.hash.Sum(nil) }

// checkEnd checks the end of a chunk's range against its start and last key.
func checkEnd(h *Header, last []byte, any, open bool, end []byte) error {
	switch {
	case open && (end == nil || !bytes.Equal(end, last)):
		return fmt.Errorf("key %q is left open, but the range ends elsewhere", short(last))
	case end == nil:
		return nil
	case len(end) > MaxBulk+1:
		return fmt.Errorf("end of %d bytes: %w", len(end), ErrLimit)
	case !open && any && bytes.Compare(last, end) >= 0:
		return fmt.Errorf("key %q lies behind the end of the range", short(last))
	}
	return checkRange(h.Start, end, open)
}

// checkRange checks the ends of a chunk's range, of which end may be nil. Only an open
// range may end where it starts: inside that key.
func checkRange(start, end []byte, open bool) error {
	switch c := bytes.Compare(end, start); {
	case open && end == nil:
		return errors.New("it is open but has no end")
	case end != nil && c < 0:
		return errors.New("the range ends before it starts")
	case end != nil && c == 0 && !open:
		return errors.New("the range is empty")
	}
	return nil
}
