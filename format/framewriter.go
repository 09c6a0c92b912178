package format

import (
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// A frameWriter compresses the frames of a chunk and writes them, in their order. One may be under
// way while its caller makes the next.
type frameWriter struct {
	w     io.Writer
	codec *Codec
	hash  hash.Hash

	// What a frame that is under way changes; settle lets others see it.
	zbuf []byte // a compressed frame
	seek []seekEntry
	size int64

	done   chan error // from the frame that is under way
	ahead  int        // bytes of it, uncompressed; 0: none is
	frames int        // settled
	bytes  int64      // of them
}

// launch begins to write a frame. Data belongs to it until settle is called.
func (fw *frameWriter) launch(data []byte) error {
	if err := fw.settle(); err != nil {
		return err
	}
	fw.ahead = len(data)
	go func() { fw.done <- fw.frame(data) }()
	return nil
}

// settle waits for the frame that is under way.
func (fw *frameWriter) settle() (err error) {
	if fw.ahead > 0 {
		err = <-fw.done
		fw.ahead, fw.frames, fw.bytes = 0, len(fw.seek), fw.size
	}
	return err
}

func (fw *frameWriter) write(data []byte) error {
	if err := fw.launch(data); err != nil {
		return err
	}
	return fw.settle()
}

func (fw *frameWriter) frame(data []byte) error {
	if len(data) > MaxFrame || len(fw.seek) >= MaxFrames {
		return fmt.Errorf("write frame %d of %d bytes: %w", len(fw.seek), len(data), ErrLimit)
	}
	fw.zbuf = fw.codec.encode(data, fw.zbuf)
	fw.seek = append(fw.seek, seekEntry{
		uint32(len(fw.zbuf)), uint32(len(data)), binary.LittleEndian.Uint32(fw.zbuf[len(fw.zbuf)-4:]),
	})
	err := fw.put(fw.zbuf)
	if cap(fw.zbuf) > 4*FrameTarget {
		fw.zbuf = nil
	}
	return err
}

// put writes bytes as they are.
func (fw *frameWriter) put(data []byte) error {
	fw.hash.Write(data)
	n, err := fw.w.Write(data)
	fw.size += int64(n)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write chunk: %w", err)
	}
	return nil
}

// finish writes what follows the last frame: the digest of all before it, and the seek table.
func (fw *frameWriter) finish() error {
	digest := binary.LittleEndian.AppendUint32(nil, digestMagic)
	digest = binary.LittleEndian.AppendUint32(digest, digestSize)
	digest = fw.hash.Sum(digest)
	fw.seek = append(fw.seek, seekEntry{uint32(len(digest)), 0, emptyChecksum})
	if err := fw.put(digest); err != nil {
		return err
	}
	err := fw.put(appendSeekTable(nil, fw.seek))
	fw.bytes = fw.size
	return err
}
