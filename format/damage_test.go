package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// wantCorrupt checks that err is damage of file name at an offset within size bytes.
func wantCorrupt(err error, name string, size int) error {
	var c *CorruptError
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("taken for whole: %v", err)
	case !errors.As(err, &c):
		return fmt.Errorf("no CorruptError: %v", err)
	case c.Name != name || c.Offset < 0 || c.Offset > int64(size):
		return fmt.Errorf("%q at %d of %d bytes", c.Name, c.Offset, size)
	case !strings.Contains(err.Error(), fmt.Sprintf("%s at %d: ", name, c.Offset)):
		return fmt.Errorf("the text does not name the place: %v", err)
	}
	return nil
}

// flips calls f with data once for every bit, with that bit flipped.
func flips(data []byte, f func(bit int, data []byte)) {
	data = bytes.Clone(data)
	for bit := range 8 * len(data) {
		data[bit/8] ^= 1 << (bit % 8)
		f(bit, data)
		data[bit/8] ^= 1 << (bit % 8)
	}
}

func TestDamagedChunk(t *testing.T) {
	for _, typ := range Types {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			damageChunk(t, mustChunk(t, testHeader(typ), sampleRecords(typ), b("zzz")))
		})
	}
}

// damageChunk cuts a chunk at every byte, flips each of its bits, and appends to it: all of it must
// be seen.
func damageChunk(t *testing.T, data []byte) {
	for n := range data {
		_, _, _, err := readAll(data[:n])
		if err := wantCorrupt(err, "test.mpz", n); err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if _, err := OpenChunk(bytes.NewReader(data[:n]), int64(n), testCodec, "test.mpz"); wantCorrupt(err, "test.mpz", n) != nil {
			t.Fatalf("OpenChunk, cut at %d: %v", n, err)
		}
		if _, err := OpenChunk(bytes.NewReader(data[:n]), int64(len(data)), testCodec, "test.mpz"); wantCorrupt(err, "test.mpz", len(data)) != nil {
			t.Fatalf("OpenChunk with a wrong size, cut at %d: %v", n, err)
		}
	}
	flips(data, func(bit int, data []byte) {
		_, _, _, err := readAll(data)
		if err := wantCorrupt(err, "test.mpz", len(data)); err != nil {
			t.Fatalf("bit %d of byte %d flipped: %v", bit%8, bit/8, err)
		}
		findAll(data)
	})
	for _, more := range []string{"\x00", "\n", string(data), string(data[len(data)-60:]), "\x50\x2a\x4d\x18\x00\x00\x00\x00"} {
		_, _, _, err := readAll(slices.Concat(data, b(more)))
		if err := wantCorrupt(err, "test.mpz", len(data)+len(more)); err != nil {
			t.Fatalf("%d bytes appended: %v", len(more), err)
		}
	}
}

// findAll looks for a few keys; it must not panic.
func findAll(data []byte) {
	c, err := OpenChunk(bytes.NewReader(data), int64(len(data)), testCodec, "x")
	if err != nil {
		return
	}
	for _, key := range append(c.Footer.Index, b(""), b("zz")) {
		_ = c.Find(key, func(*Record) error { return nil })
	}
}

// TestMissingFrames leaves out, doubles and swaps whole frames: each is a valid frame.
func TestMissingFrames(t *testing.T) {
	recs := []Record{}
	for i := range 4 {
		recs = append(recs, Record{Kind: String, Key: b(fmt.Sprint(i)), Part: PartWhole, Value: make([]byte, FrameTarget)})
	}
	data := mustChunk(t, testHeader(TypeString), recs, nil)
	seek, err := readSeekTable(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	off := 0
	for _, e := range seek {
		frames = append(frames, data[off:off+int(e.compressed)])
		off += int(e.compressed)
	}
	frames = append(frames, data[off:])
	for i := range frames {
		for j := range frames {
			swapped := slices.Clone(frames)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			for what, f := range map[string][][]byte{
				"left out": slices.Delete(slices.Clone(frames), i, i+1),
				"doubled":  slices.Insert(slices.Clone(frames), j, frames[i]),
				"swapped":  swapped,
			} {
				if what == "swapped" && i == j {
					continue
				}
				all := bytes.Join(f, nil)
				_, _, _, err := readAll(all)
				if err := wantCorrupt(err, "test.mpz", len(all)); err != nil {
					t.Errorf("frame %d %s (%d): %v", i, what, j, err)
				}
				findAll(all)
			}
		}
	}
}

func TestDamagedJSON(t *testing.T) {
	t.Run("full", func(t *testing.T) { damageJSON(t, testManifest(t)) })
	t.Run("delta", func(t *testing.T) { damageJSON(t, testDelta(t)) })
}

func damageJSON(t *testing.T, m *Manifest) {
	manifest, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	info, err := m.Info.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		data  []byte
		parse func([]byte) error
	}{
		ManifestName: {manifest, func(d []byte) error { _, err := ParseManifest(d); return err }},
		InfoName:     {info, func(d []byte) error { _, err := ParseInfo(d); return err }},
	} {
		if err := f.parse(f.data); err != nil {
			t.Fatal(err)
		}
		for n := range f.data {
			if err := wantCorrupt(f.parse(f.data[:n]), name, n); err != nil {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
		}
		flips(f.data, func(bit int, data []byte) {
			if err := wantCorrupt(f.parse(data), name, len(data)); err != nil {
				t.Fatalf("%s, bit %d of byte %d flipped: %v", name, bit%8, bit/8, err)
			}
		})
		for _, more := range []string{"\n", " ", "{}", "\x00"} {
			if err := wantCorrupt(f.parse(append(bytes.Clone(f.data), more...)), name, len(f.data)+1); err != nil {
				t.Errorf("%s with %q appended: %v", name, more, err)
			}
		}
	}
}

// TestSourceError: a source that fails is not a file that is damaged.
func TestSourceError(t *testing.T) {
	data := mustChunk(t, testHeader(TypeZset), sampleRecords(TypeZset), nil)
	for _, broken := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF} {
		for n := range data {
			cr, err := NewChunkReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), testCodec, "x")
			var r Record
			for err == nil {
				err = cr.Next(&r)
			}
			var c *CorruptError
			if !errors.Is(err, broken) || errors.As(err, &c) || !strings.Contains(err.Error(), "read x at ") {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			_, err = OpenChunk(brokenReaderAt{int64(n), broken}, int64(len(data)), testCodec, "x")
			if !errors.Is(err, broken) || errors.As(err, &c) {
				t.Fatalf("OpenChunk: %v", err)
			}
		}
	}
}

type brokenReaderAt struct {
	n   int64
	err error
}

func (r brokenReaderAt) ReadAt(p []byte, off int64) (int, error) { return 0, r.err }

// eagerReaderAt returns io.EOF along with the last bytes, as a ReaderAt may.
type eagerReaderAt []byte

func (r eagerReaderAt) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r[off:])
	if off+int64(n) == int64(len(r)) {
		return n, io.EOF
	}
	return n, nil
}

func TestReadersThatEndEarlyOrSlowly(t *testing.T) {
	data := mustChunk(t, testHeader(TypeHash), sampleRecords(TypeHash), nil)
	if _, err := OpenChunk(eagerReaderAt(data), int64(len(data)), testCodec, "x"); err != nil {
		t.Error(err)
	}
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 7 * i)
	}
	for _, raw := range [][]byte{noise[:200], noise} {
		z := testCodec.encode(raw, nil)
		f, err := readFrame(bufio.NewReaderSize(iotest.DataErrReader(bytes.NewReader(z)), 16), nil, nil)
		if err != nil || !bytes.Equal(f.data, z) {
			t.Errorf("a frame of %d bytes whose end comes with io.EOF: %v", len(z), err)
		}
	}
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data)), iotest.HalfReader(bytes.NewReader(data))} {
		cr, err := NewChunkReader(r, testCodec, "x")
		var rec Record
		for err == nil {
			err = cr.Next(&rec)
		}
		if err != io.EOF {
			t.Error(err)
		}
	}
}
