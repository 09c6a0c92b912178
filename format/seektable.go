package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The seek table of the zstd seekable format, version 0.1.0: a skippable frame at the end of a
// chunk that says where each frame begins (docs/FORMAT.md §3.3). With it a frame can be read by a
// range request, and other tools that know the seekable format can read a chunk at random.
const (
	seekMagic      = 0x184d2a5e // of the skippable frame
	seekFooter     = 0x8f92eab1
	seekFooterSize = 9
	seekEntrySize  = 12
	seekChecksums  = 0x80 // descriptor: entries carry checksums, all else is zero

	digestMagic = 0x184d2a50 // of the skippable frame that holds the digest
	digestSize  = 32         // SHA-256

	maxSkippable = (MaxFrames+1)*seekEntrySize + seekFooterSize

	// emptyChecksum is the low half of the XXH64 of nothing: what the seek table says
	// of the digest's frame.
	emptyChecksum = 0x51d8e999
)

// A seekEntry is one frame of the chunk.
type seekEntry struct {
	compressed, decompressed uint32
	checksum                 uint32
}

func appendSeekTable(dst []byte, entries []seekEntry) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, seekMagic)
	dst = le.AppendUint32(dst, uint32(len(entries)*seekEntrySize+seekFooterSize))
	for _, e := range entries {
		dst = le.AppendUint32(dst, e.compressed)
		dst = le.AppendUint32(dst, e.decompressed)
		dst = le.AppendUint32(dst, e.checksum)
	}
	dst = le.AppendUint32(dst, uint32(len(entries)))
	dst = append(dst, seekChecksums)
	return le.AppendUint32(dst, seekFooter)
}

var errSeekTable = errors.New("no seek table at the end: the file is cut short, or no chunk")

// readSeekTable reads the table from the end of a chunk of size bytes. It returns
// the entries; their frames fill the file up to the table.
func readSeekTable(r io.ReaderAt, size int64) ([]seekEntry, error) {
	var foot [seekFooterSize]byte
	if size < seekFooterSize {
		return nil, errSeekTable
	}
	if err := readAt(r, foot[:], size-seekFooterSize); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(foot[:]))
	if le.Uint32(foot[5:]) != seekFooter || foot[4] != seekChecksums {
		return nil, errSeekTable
	}
	length := 8 + n*seekEntrySize + seekFooterSize
	if n > MaxFrames+1 {
		return nil, fmt.Errorf("seek table of %d frames: %w", n, ErrLimit)
	}
	if length > size {
		return nil, errSeekTable
	}
	table := make([]byte, length)
	if err := readAt(r, table, size-length); err != nil {
		return nil, err
	}
	if le.Uint32(table) != seekMagic || int64(le.Uint32(table[4:])) != length-8 {
		return nil, errSeekTable
	}
	entries := make([]seekEntry, n)
	sum := length
	for i := range entries {
		e := table[8+i*seekEntrySize:]
		entries[i] = seekEntry{le.Uint32(e), le.Uint32(e[4:]), le.Uint32(e[8:])}
		sum += int64(entries[i].compressed)
	}
	if sum != size {
		return nil, fmt.Errorf("the seek table accounts for %d bytes of %d", sum, size)
	}
	// Header, footer and digest are always there.
	if n < 3 || entries[n-1] != (seekEntry{8 + digestSize, 0, emptyChecksum}) {
		return nil, errors.New("the seek table lists no header, footer or digest")
	}
	return entries, nil
}

// readAt fills buf from offset off of r. A ReaderAt may return io.EOF along with the last bytes.
func readAt(r io.ReaderAt, buf []byte, off int64) error {
	n, err := r.ReadAt(buf, off)
	switch {
	case n == len(buf):
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return sourceError{err}
}
