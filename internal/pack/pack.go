// Package pack is a dump as one stream: a tar of its files, the manifest last, by which it is seen
// whether the stream is whole (docs/FORMAT.md §12). An Output writes it while the dump is made,
// Pack from a finished dump; a Reader reads it.
//
//	err := pack.Pack(ctx, dir, w, done)   // on the one host
//	err = pack.Unpack(ctx, r, dir, done)  // on the other
//
// It never changes a byte of a file, and takes no stream for whole that is cut short.
package pack

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// ErrCut: the stream ends before the dump does.
var ErrCut = exitcode.New(exitcode.NoDump, "the stream of the dump is cut short")

// StreamName is what errors call a stream.
const StreamName = "the stream"

// isLast reports whether a file ends its dump.
func isLast(name string) bool { return name == format.ManifestName || name == format.InventoryName }

// rank is where a file stands in a stream.
func rank(name string) int {
	switch plain, _, _ := format.ParseFileName(name); plain {
	case format.InfoName:
		return 0
	case format.ConflictsName, format.SkippedName:
		return 2
	case format.ManifestName:
		return 3
	case format.InventoryName:
		return 4
	}
	return 1
}

// A writer writes a stream. Files of the same bytes make the same stream.
type writer struct{ tw *tar.Writer }

// newWriter writes to w until the context ends. An error is final: the stream is cut there.
func newWriter(ctx context.Context, w io.Writer) *writer {
	return &writer{tar.NewWriter(InterruptibleWriter(ctx, w))}
}

// add copies a file into the stream and returns its SHA-256.
func (w *writer) add(dir storage.Store, name string) (f format.File, err error) {
	r, err := dir.Open(name)
	if err != nil {
		return f, err
	}
	defer r.Close()
	err = w.tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: r.Size(), Mode: 0o600, ModTime: time.Unix(0, 0)})
	if err != nil {
		return f, fmt.Errorf("write the stream: %w", err)
	}
	h := format.NewFileHash()
	n, err := io.Copy(io.MultiWriter(w.tw, h), r)
	if err == nil && n != r.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		err = w.tw.Flush()
	}
	if err != nil {
		return f, fmt.Errorf("write %s to the stream: %w", dir.Path(name), err)
	}
	return h.File(name), nil
}

// Pack writes the finished dump in dir, encrypted or not, to w, and compares each file with what
// the manifest or encrypted.json says of it. It calls done after each, with the bytes of all.
func Pack(ctx context.Context, dir storage.Store, w io.Writer, done func(f format.File, total int64)) error {
	files, err := contents(dir)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size
	}
	out := newWriter(ctx, w)
	for _, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		got, err := out.add(dir, f.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &format.CorruptError{Name: dir.Path(f.Name), Err: errors.New("this file of the dump is not there")}
		case err != nil:
			return err
		case f.SHA256 != "" && got != f:
			return &format.CorruptError{Name: dir.Path(f.Name), Err: fmt.Errorf("%w: it is not the file that the dump lists", format.ErrChecksum)}
		}
		done(got, total)
	}
	if err := out.tw.Close(); err != nil {
		return fmt.Errorf("write the stream: %w", err)
	}
	return nil
}

// contents returns the files of a finished dump in the order of a stream; those of which nothing
// says what they must be have no SHA256.
func contents(dir storage.Store) ([]format.File, error) {
	in, err := encryption.ReadInventory(dir)
	if err == nil {
		files := append(slices.Clone(in.Files), format.File{Name: format.InventoryName})
		slices.SortStableFunc(files, func(a, b format.File) int { return cmp.Compare(rank(a.Name), rank(b.Name)) })
		return files, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if encryption.IsEncrypted(dir) {
		return nil, fmt.Errorf("%w: %s has no %s", archive.ErrIncomplete, dir.Path(""), format.InventoryName)
	}
	a, err := archive.OpenIn(dir, 1)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return listed(a.Manifest), nil
}

// listed returns the files that a manifest lists, and itself.
func listed(m *format.Manifest) []format.File {
	files := []format.File{{Name: format.InfoName}}
	for _, c := range m.Chunks {
		files = append(files, c.File)
	}
	files = append(files, m.Lists...)
	return append(files, format.File{Name: format.ManifestName})
}

// Options say which dump goes through, and who is told how far it is.
type Options struct {
	Location string           // where it is, or goes
	Storage  storage.Options  // of where it goes
	Meter    *progress.Meter  // nil: nobody wants to know
	Summary  *summary.Summary // counts files and bytes
}

// Pack is Pack of the dump there.
func (o *Options) Pack(ctx context.Context, w io.Writer) error {
	dir, err := storage.Open(ctx, o.Location)
	if errors.Is(err, storage.ErrLocation) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", archive.ErrIncomplete, err)
	}
	return o.counted("pack", func(done func(format.File, int64)) error { return Pack(ctx, dir, w, done) })
}

// Unpack is Unpack to there. It ends with the context, also while r waits.
func (o *Options) Unpack(ctx context.Context, r io.Reader) error {
	defer storage.Absent(o.Location)()
	dir, err := storage.Create(ctx, o.Location, o.Storage)
	if err != nil {
		return fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	return o.counted("unpack", func(done func(format.File, int64)) error {
		return Unpack(ctx, Interruptible(ctx, r), dir, func(f format.File) { done(f, 0) })
	})
}

// counted has what do packs or unpacks counted; a total of 0 is not known.
func (o *Options) counted(phase string, do func(done func(f format.File, total int64)) error) error {
	defer o.Meter.Begin(phase, 1)()
	whole := o.Meter.Part(progress.Name{})
	err := do(func(f format.File, total int64) {
		if total > 0 {
			o.Meter.ExpectAll(total)
		}
		whole.Add(0, f.Size, f.Size)
		o.Summary.Stored, o.Summary.Written = o.Summary.Stored+f.Size, o.Summary.Written+1
	})
	if err == nil {
		o.Meter.Done(whole)
	}
	return err
}
