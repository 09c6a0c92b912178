package format

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Zstd's framing (RFC 8878 §3.1).
const (
	zstdMagic      = 0xfd2fb528
	skippableMagic = 0x184d2a50 // the first of 16
	maxBlock       = 128 << 10

	// A frame may be longer than what it decompresses to by 1/256 and this: the bound
	// that zstd itself gives, rounded up.
	frameOverhead = 1 << 10
)

// A rawFrame is one frame of a chunk file as it was found: compressed, or, if skippable, as it is.
type rawFrame struct {
	data      []byte // the whole frame
	magic     uint32
	content   uint64 // what it decompresses to, by its header; 0 if skippable
	skippable bool
}

var errFrame = errors.New("not a frame of a chunk")

// readFrame reads the next frame of r into buf, which it may grow. It returns io.EOF
// only where no byte follows. It reads block by block, so that it allocates no more than
// FrameTarget for what a header claims and the file does not hold. It calls before, if it is not
// nil, when it knows what the frame decompresses to, and has read no more than that.
func readFrame(r *bufio.Reader, buf []byte, before func(content uint64) error) (rawFrame, error) {
	f := rawFrame{data: buf[:0]}
	if _, err := r.Peek(1); err == io.EOF {
		return f, err
	} else if err != nil {
		return f, sourceError{err}
	}
	if err := f.grow(r, 4); err != nil {
		return f, err
	}
	f.magic = binary.LittleEndian.Uint32(f.data)
	if f.magic&^0xf == skippableMagic {
		f.skippable = true
		if err := f.grow(r, 4); err != nil {
			return f, err
		}
		n := binary.LittleEndian.Uint32(f.data[4:])
		if n > maxSkippable {
			return f, fmt.Errorf("skippable frame of %d bytes: %w", n, ErrLimit)
		}
		return f, f.grow(r, int(n))
	}
	if f.magic != zstdMagic {
		return f, fmt.Errorf("%w: magic number %#08x", errFrame, f.magic)
	}
	return f, f.readBlocks(r, before)
}

// grow appends the next n bytes of r to the frame. It allocates no more than a
// small multiple of what is there.
func (f *rawFrame) grow(r *bufio.Reader, n int) error {
	for n > 0 {
		at, more := len(f.data), min(n, maxBlock)
		f.data = slices.Grow(f.data, more)[:at+more]
		n -= more
		for at < len(f.data) {
			got, err := r.Read(f.data[at:])
			at += got
			switch {
			case err == nil || at == len(f.data): // an error with the last bytes comes again
			case err == io.EOF:
				return io.ErrUnexpectedEOF
			default:
				return sourceError{err}
			}
		}
	}
	return nil
}

// readBlocks reads the rest of a zstd frame: header, blocks, checksum.
func (f *rawFrame) readBlocks(r *bufio.Reader, before func(content uint64) error) error {
	if err := f.grow(r, 1); err != nil {
		return err
	}
	d := f.data[4]
	single := d>>5&1 == 1
	width := [4]int{0, 2, 4, 8}[d>>6]
	if width == 0 && single {
		width = 1
	}
	// Content size and checksum are there, a dictionary is not, reserved bits are
	// zero (docs/FORMAT.md §3.1).
	if d&0x04 == 0 || d&0x1b != 0 || width == 0 {
		return fmt.Errorf("%w: frame header descriptor %#02x", errFrame, d)
	}
	head := width
	if !single {
		head++
	}
	if err := f.grow(r, head); err != nil {
		return err
	}
	var le [8]byte
	copy(le[:], f.data[len(f.data)-width:])
	f.content = binary.LittleEndian.Uint64(le[:])
	if width == 2 {
		f.content += 256
	}
	if f.content == 0 || f.content > MaxFrame {
		return fmt.Errorf("frame of %d bytes: %w", f.content, ErrLimit)
	}
	if before != nil {
		if err := before(f.content); err != nil {
			return err
		}
	}
	// At most 128 KiB come from a compressed block: a frame that declares more than its
	// blocks can hold is refused before anything is allocated for its content.
	room, most := uint64(0), f.content+f.content>>8+frameOverhead
	f.data = slices.Grow(f.data, int(min(f.content, FrameTarget)))
	for last := false; !last; {
		if err := f.grow(r, 3); err != nil {
			return err
		}
		b := f.data[len(f.data)-3:]
		h := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		last = h&1 == 1
		size := h >> 3
		if size > maxBlock {
			return fmt.Errorf("block of %d bytes: %w", size, ErrLimit)
		}
		switch h >> 1 & 3 {
		case 0: // stored
			room += uint64(size)
		case 1: // a run of one byte
			room += uint64(size)
			size = 1
		default:
			room += maxBlock
		}
		if uint64(len(f.data)+size) > most {
			return fmt.Errorf("%w: longer than its %d bytes can need", errFrame, f.content)
		}
		if err := f.grow(r, size); err != nil {
			return err
		}
	}
	if f.content > room {
		return fmt.Errorf("%w: too few blocks for its %d bytes", errFrame, f.content)
	}
	return f.grow(r, 4)
}

// checksum is the low half of the XXH64 of what the frame decompresses to. Zstd puts
// it at the end of a frame.
func (f *rawFrame) checksum() uint32 { return binary.LittleEndian.Uint32(f.data[len(f.data)-4:]) }
