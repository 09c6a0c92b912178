package format

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Level is how hard a chunk is compressed: zstd's levels as klauspost/compress names them.
type Level = zstd.EncoderLevel

// The levels, from the fastest. Fastest is the default: on records it is the
// best ratio as well, and the others cost two to five times the time.
const (
	Fastest = zstd.SpeedFastest
	Default = zstd.SpeedDefault
	Better  = zstd.SpeedBetterCompression
)

// A Codec compresses and decompresses frames. One serves any number of chunks
// at once; its memory grows with the calls that run at the same time.
type Codec struct {
	enc *zstd.Encoder // for frames of at most encWindow bytes
	big *zstd.Encoder // for those that are longer; it allocates when first used
	dec *zstd.Decoder
}

// encWindow is the window that a frame is compressed with.
const encWindow = 1 << 20

// NewCodec returns a Codec that compresses at level (0: Fastest) and lets at most
// concurrency calls of each direction run at once (0: one per core).
func NewCodec(level Level, concurrency int) (*Codec, error) {
	eopts := []zstd.EOption{zstd.WithEncoderLevel(cmp.Or(level, Fastest)), zstd.WithEncoderCRC(true), zstd.WithWindowSize(encWindow)}
	dopts := []zstd.DOption{
		zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxFrame),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderConcurrency(concurrency),
	}
	if concurrency > 0 {
		eopts = append(eopts, zstd.WithEncoderConcurrency(concurrency))
	}
	big, err1 := zstd.NewWriter(nil, eopts...)
	// A single segment always says its content's size; without it, klauspost/compress
	// leaves out sizes below 256.
	enc, err2 := zstd.NewWriter(nil, append(eopts, zstd.WithSingleSegment(true))...)
	dec, err3 := zstd.NewReader(nil, dopts...)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("start zstd: %w", err)
	}
	return &Codec{enc, big, dec}, nil
}

// Close frees what the codec holds. No call may be running.
func (c *Codec) Close() {
	c.enc.Close()
	c.big.Close()
	c.dec.Close()
}

// encode compresses data into a frame at the start of dst, which it may grow.
func (c *Codec) encode(data, dst []byte) []byte {
	if len(data) > encWindow {
		return c.big.EncodeAll(data, dst[:0])
	}
	return c.enc.EncodeAll(data, dst[:0])
}

// decode decompresses f into dst, which it may grow.
func (c *Codec) decode(f rawFrame, dst []byte) ([]byte, error) {
	out, err := c.dec.DecodeAll(f.data, dst[:0])
	switch {
	case errors.Is(err, zstd.ErrCRCMismatch):
		return nil, ErrChecksum
	case err != nil:
		return nil, fmt.Errorf("decompress: %w", noEOF(err))
	case uint64(len(out)) != f.content:
		return nil, fmt.Errorf("%w: decompressed to %d bytes, not %d", errFrame, len(out), f.content)
	}
	return out, nil
}
