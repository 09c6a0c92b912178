package pack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// fill writes a dump, with keys that go over chunks and skipped ones.
func fill(t *testing.T, w *archive.Writer) *format.Manifest {
	t.Helper()
	defer w.Close()
	for _, typ := range w.Info.Options.Types {
		seg := w.Segment(0, typ, nil)
		if typ == format.TypeString {
			for i := range 8 {
				r := format.Record{Kind: format.String, Key: fmt.Appendf(nil, "key%04d", i), Part: format.PartWhole, Value: bytes.Repeat([]byte{byte(i)}, 600<<10)}
				if err := seg.Record(&r); err != nil {
					t.Fatal(err)
				}
			}
			if err := seg.Skip([]byte("skipped"), "gone", ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := seg.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Finish(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func info(version string) format.Info {
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: version, Role: "master", Databases: 1}
	return format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: []format.Type{format.TypeString, format.TypeHash}})
}

// makeDump writes a dump to a directory.
func makeDump(t *testing.T, o archive.Options) *storage.Dir {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump")
	o.ChunkBytes = 1
	w, err := archive.Create(t.Context(), path, info("4.0.1"), o)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w)
	dir, err := storage.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func contentsOf(t *testing.T, dir storage.Store) map[string]string {
	t.Helper()
	names, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, n := range names {
		data, err := storage.ReadFile(dir, n, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		files[n] = string(data)
	}
	return files
}

func newDir(t *testing.T) *storage.Dir {
	t.Helper()
	dir, err := storage.CreateDir(filepath.Join(t.TempDir(), "unpacked"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func pack(t *testing.T, dir storage.Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pack(t.Context(), dir, &b, func(format.File, int64) {}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOptions: what has gone through is counted in files and bytes, and a place without a dump is
// said.
func TestOptions(t *testing.T) {
	var stream bytes.Buffer
	of := func(location string) *Options {
		return &Options{Location: location, Meter: progress.NewMeter(), Summary: summary.New("test", "", "pack")}
	}
	from := of(smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")}))
	to := of(filepath.Join(t.TempDir(), "to"))
	if err := errors.Join(from.Pack(t.Context(), &stream), to.Unpack(t.Context(), &stream)); err != nil {
		t.Fatal(err)
	}
	if a, b := from.Summary, to.Summary; a.Written < 3 || a.Written != b.Written || a.Stored == 0 || a.Stored != b.Stored {
		t.Errorf("%d files, %d bytes, and %d, %d", a.Written, a.Stored, b.Written, b.Stored)
	}
	if err := from.Unpack(t.Context(), &stream); !errors.Is(err, archive.ErrExists) {
		t.Error(err)
	}
	if err := of(filepath.Join(t.TempDir(), "nosuch")).Pack(t.Context(), &stream); !errors.Is(err, archive.ErrIncomplete) {
		t.Error(err)
	}
}

func unpack(t *testing.T, stream []byte) (*storage.Dir, error) {
	t.Helper()
	dir := newDir(t)
	return dir, Unpack(t.Context(), bytes.NewReader(stream), dir, func(format.File) {})
}

func keys(t *testing.T) (encryption.Keys, *age.X25519Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return encryption.Keys{Recipients: []age.Recipient{id.Recipient()}}, id
}

// TestRoundTrip: a dump, plain and encrypted, comes out of its stream as it went in, byte by byte;
// the stream is the same each time.
func TestRoundTrip(t *testing.T) {
	k, _ := keys(t)
	for name, o := range map[string]archive.Options{"plain": {}, "encrypted": {Keys: k}} {
		t.Run(name, func(t *testing.T) {
			dir := makeDump(t, o)
			stream := pack(t, dir)
			out, err := unpack(t, stream)
			if err != nil {
				t.Fatal(err)
			}
			if want := contentsOf(t, dir); !maps.Equal(contentsOf(t, out), want) || len(want) < 10 {
				t.Errorf("of %d files others came out", len(want))
			}
			if again := pack(t, out); !bytes.Equal(again, stream) {
				t.Error("the stream of the same files is another one")
			}
			for p := range contentsOf(t, out) {
				if st, err := os.Stat(out.Path(p)); err != nil || st.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", p, st.Mode(), err)
				}
			}
			if err := Unpack(t.Context(), bytes.NewReader(stream), out, func(format.File) {}); !errors.Is(err, archive.ErrExists) || !strings.Contains(err.Error(), "holds a finished dump") {
				t.Errorf("unpacked into a dump: %v", err)
			}
		})
	}
}

// TestOutput: the stream that is written while the dump is made is that of the dump, and what need
// not be read again does not stay in the spool.
func TestOutput(t *testing.T) {
	k, id := keys(t)
	for _, tc := range []struct {
		version string
		keys    encryption.Keys
		ids     []age.Identity
		keeps   bool
	}{{"3.5.5", encryption.Keys{}, nil, true}, {"4.0.1", encryption.Keys{}, nil, false}, {"4.0.1", k, []age.Identity{id}, false}} {
		var stream bytes.Buffer
		parent := t.TempDir()
		out, err := NewOutput(t.Context(), &stream, parent)
		if err != nil {
			t.Fatal(err)
		}
		w, err := archive.CreateIn(out, info(tc.version), archive.Options{ChunkBytes: 1, Keys: tc.keys})
		if err != nil {
			t.Fatal(err)
		}
		m := fill(t, w)
		left, err := out.Dir.List()
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(left) >= len(m.Chunks); kept != tc.keeps {
			t.Errorf("from %s the spool holds %d files of %d chunks", tc.version, len(left), len(m.Chunks))
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Errorf("%v is left over", left)
		}
		dir, err := unpack(t, stream.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		a, err := archive.Open(t.Context(), dir.Path(""), 1, tc.ids...)
		if err != nil {
			t.Fatal(err)
		}
		bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) })
		if bad != 0 || err != nil || len(a.Manifest.Skipped) != 1 {
			t.Errorf("%d, %v", bad, err)
		}
		a.Close()
	}
}

// TestCut: a stream that is cut anywhere, and one with any bit flipped, makes no dump and leaves
// nothing.
func TestCut(t *testing.T) {
	k, _ := keys(t)
	var corrupt *format.CorruptError
	for name, o := range map[string]archive.Options{"plain": {}, "encrypted": {Keys: k}} {
		t.Run(name, func(t *testing.T) {
			stream := pack(t, makeDump(t, o))
			for at := 0; at < len(stream); at += 1 + len(stream)/60 {
				dir, err := unpack(t, stream[:at])
				if !errors.Is(err, ErrCut) && !errors.As(err, &corrupt) {
					t.Errorf("cut at %d of %d: %v", at, len(stream), err)
				}
				mustBeEmpty(t, dir)
				bad := bytes.Clone(stream)
				bad[at] ^= 0x10
				dir, err = unpack(t, bad)
				if err == nil { // of a header's time or padding
					contentsOf(t, dir)
					if again := pack(t, dir); !bytes.Equal(again, stream) {
						t.Errorf("a bit flipped at %d of %d goes unnoticed", at, len(stream))
					}
					continue
				}
				if !errors.Is(err, ErrCut) && !errors.As(err, &corrupt) {
					t.Errorf("a bit flipped at %d of %d: %v", at, len(stream), err)
				}
				mustBeEmpty(t, dir)
			}
			for _, last := range []int{1, 512, 513, 1000, 1024, 1025} {
				if _, err := unpack(t, stream[:len(stream)-last]); !errors.Is(err, ErrCut) && !errors.As(err, &corrupt) {
					t.Errorf("cut %d bytes before its end: %v", last, err)
				}
			}
			padded := append(bytes.Clone(stream), make([]byte, 100_000)...)
			if _, err := unpack(t, padded); err != nil {
				t.Errorf("a tar that is padded: %v", err)
			}
			for name, tail := range map[string][]byte{"text": []byte("more"), "text and zeros": append([]byte("more"), make([]byte, 5000)...), "the stream again": stream} {
				for _, before := range [][]byte{stream, padded} {
					dir, err := unpack(t, slices.Concat(before, tail))
					if !errors.As(err, &corrupt) || corrupt.Offset != int64(len(before)) || !strings.Contains(err.Error(), "follows the end") {
						t.Errorf("%s behind %d bytes: %v", name, len(before), err)
					}
					mustBeEmpty(t, dir)
				}
			}
		})
	}
}

func mustBeEmpty(t *testing.T, dir *storage.Dir) {
	t.Helper()
	if names, err := dir.List(); err != nil || len(names) > 0 {
		t.Errorf("%v is left, %v", names, err)
	}
	entries, err := os.ReadDir(dir.Path(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			t.Errorf("the directory %s is left", e.Name())
		}
	}
}

// TestSourceFails: a stream that cannot be read is not damaged.
func TestSourceFails(t *testing.T) {
	stream := pack(t, makeDump(t, archive.Options{}))
	broken := errors.New("broken")
	for _, at := range []int{0, 100, 5000, len(stream) - 700} {
		dir := newDir(t)
		err := Unpack(t.Context(), io.MultiReader(bytes.NewReader(stream[:at]), failing{broken}), dir, func(format.File) {})
		if !errors.Is(err, broken) || errors.As(err, new(*format.CorruptError)) {
			t.Errorf("at %d: %v", at, err)
		}
		mustBeEmpty(t, dir)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestStalled: a dump is not packed on when the context ends, though the write that is under way
// never does.
func TestStalled(t *testing.T) {
	dir := makeDump(t, archive.Options{})
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := stuck{began: func() { cancel(stopped) }, over: make(chan struct{})}
	defer close(s.over)
	if err := Pack(ctx, dir, s, func(format.File, int64) {}); !errors.Is(err, stopped) {
		t.Error(err)
	}
}

// A stuck writer says that it was begun to write to it.
type stuck struct {
	began func()
	over  chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	s.began()
	<-s.over
	return len(p), nil
}

// TestHostile: members that no dump has are refused, before anything of them is written.
func TestHostile(t *testing.T) {
	const chunk = "chunks/db0/string/000001.mpz"
	file := func(name string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o600}
	}
	first := file("dump.json")
	link := func(typ byte, to string) tar.Header { return tar.Header{Typeflag: typ, Name: chunk, Linkname: to} }
	huge := file(chunk)
	huge.Size = 1 << 60
	wide := file("manifest.json")
	wide.Size = 1 << 40
	pax := file(chunk)
	pax.Format, pax.PAXRecords = tar.FormatPAX, map[string]string{"SCHILY.xattr.user.x": "y"}
	for _, tc := range []struct {
		name    string
		members []tar.Header
		says    string
	}{
		{"name above", []tar.Header{first, file("../x")}, "not the name"},
		{"name above, in disguise", []tar.Header{first, file("chunks/db0/string/../../../../000001.mpz")}, "not the name"},
		{"absolute name", []tar.Header{first, file("/etc/passwd")}, "not the name"},
		{"empty name", []tar.Header{first, file("")}, "not the name"},
		{"other name", []tar.Header{first, file("x")}, "not the name"},
		{"lock", []tar.Header{first, file(".lock")}, "not the name"},
		{"backslash", []tar.Header{first, file(`chunks\db0\string\000001.mpz`)}, "not the name"},
		{"symbolic link", []tar.Header{first, link(tar.TypeSymlink, "/etc/passwd")}, "not a regular file"},
		{"hard link", []tar.Header{first, link(tar.TypeLink, "dump.json")}, "not a regular file"},
		{"directory", []tar.Header{first, {Typeflag: tar.TypeDir, Name: "chunks/"}}, "not the name"},
		{"device", []tar.Header{first, link(tar.TypeChar, "")}, "not a regular file"},
		{"huge", []tar.Header{first, huge}, "above the limit"},
		{"huge manifest", []tar.Header{first, wide}, "above the limit"},
		{"twice", []tar.Header{first, file(chunk), file(chunk)}, "twice"},
		{"not first", []tar.Header{file(chunk)}, "comes first"},
		{"no manifest", []tar.Header{first, file(chunk)}, "cut short"},
		{"behind the manifest", []tar.Header{first, file("manifest.json"), file(chunk)}, "behind the end"},
		{"mixed", []tar.Header{first, file(chunk + ".age")}, "do not go together"},
		{"mixed inventory", []tar.Header{first, file("encrypted.json")}, "do not go together"},
		{"no manifest, but a word", []tar.Header{first, file(chunk), file("manifest.json")}, "cut short"},
		{"extended", []tar.Header{first, pax, file("manifest.json")}, "cut short"},
		{"holes", nil, "holes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			tw := tar.NewWriter(&b)
			for _, h := range tc.members {
				if err := tw.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
				if h.Size == 1 {
					tw.Write([]byte("x"))
				} else if h.Size > 1 {
					break // the rest does not come
				}
			}
			tw.Flush()
			if slices.ContainsFunc(tc.members, func(h tar.Header) bool { return h.Size > 1 }) {
				b.Write(make([]byte, 4096))
			} else {
				tw.Close()
			}
			stream := b.Bytes()
			if tc.name == "holes" {
				stream = sparseTar(t)
			}
			dir, err := unpack(t, stream)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, want %q", err, tc.says)
			}
			mustBeEmpty(t, dir)
			if up, _ := os.ReadDir(filepath.Dir(dir.Path(""))); len(up) != 1 {
				t.Errorf("beside it there is %v", up)
			}
		})
	}
}

// sparseTar is a tar of GNU's with a file of one byte and 2^40 bytes of holes.
func sparseTar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	record := func(kv string) string {
		for n := len(kv) + 3; ; n++ {
			if s := fmt.Sprintf("%d %s\n", n, kv); len(s) == n {
				return s
			}
		}
	}
	block := func(name string, typ byte, size int, data string) {
		h := make([]byte, 512)
		copy(h, name)
		copy(h[100:], "0000600\x000000000\x000000000\x00")
		copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00", size, 0))
		copy(h[257:], "ustar\x0000")
		h[156] = typ
		copy(h[148:], "        ")
		sum := 0
		for _, c := range h {
			sum += int(c)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		b.Write(h)
		b.WriteString(data)
		b.Write(make([]byte, (512-len(data)%512)%512))
	}
	block("pax", 'x', 0, "")
	b.Reset()
	records := record("GNU.sparse.major=1") + record("GNU.sparse.minor=0") + record("GNU.sparse.name=dump.json") + record("GNU.sparse.realsize=100000000")
	block("pax", 'x', len(records), records)
	content := "1\n0\n1\n" + strings.Repeat("\x00", 506) + "x"
	block("dump.json", '0', len(content), content)
	b.Write(make([]byte, 1024))
	return b.Bytes()
}
