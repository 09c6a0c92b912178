package pack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Limits of a stream, which is not trusted.
const (
	maxFiles = 1 << 22
	maxBytes = 8 << 40 // of one file: more than pikadump writes at its largest --chunk-size
	endBytes = 1024    // zeros at the end of a tar
)

// A Reader reads a stream, file by file. Errors are final: ErrCut, a format.CorruptError, or that
// of what the stream comes from.
type Reader struct {
	in        *source
	tr        *tar.Reader
	seen      map[string]bool
	encrypted bool
	finished  bool // the last file was there
}

// NewReader begins to read a stream.
func NewReader(r io.Reader) *Reader {
	in := &source{r: r}
	return &Reader{in: in, tr: tar.NewReader(in), seen: map[string]bool{}}
}

// Next goes on to the next file and returns its name. It returns io.EOF behind the last, when the
// stream is at its end.
func (r *Reader) Next() (string, error) {
	h, err := r.tr.Next()
	if err == io.EOF {
		return "", r.end()
	}
	if err != nil {
		return "", r.failed(err)
	}
	if err := r.check(h); err != nil {
		return "", &format.CorruptError{Name: StreamName, Offset: r.in.n, Err: err}
	}
	r.seen[h.Name] = true
	return h.Name, nil
}

// check refuses what no writer of streams writes.
func (r *Reader) check(h *tar.Header) error {
	_, encrypted, ok := format.ParseFileName(h.Name)
	limit := int64(maxBytes)
	if rank(h.Name) == 0 || rank(h.Name) >= 3 {
		limit = format.MaxManifest + format.MaxManifest/1024 + 1<<20 // encrypted it is a little larger
	}
	switch {
	case !ok:
		return fmt.Errorf("%q is not the name of a file of a dump", short(h.Name))
	case h.Typeflag != tar.TypeReg || h.Linkname != "":
		return fmt.Errorf("%s is not a regular file", h.Name)
	case sparse(h):
		return fmt.Errorf("%s has holes", h.Name)
	case h.Size < 0 || h.Size > limit:
		return fmt.Errorf("%s would have %d bytes: %w", h.Name, h.Size, format.ErrLimit)
	case r.seen[h.Name]:
		return fmt.Errorf("%s is there twice", h.Name)
	case r.finished:
		return fmt.Errorf("%s comes behind the end of the dump", h.Name)
	case len(r.seen) >= maxFiles:
		return fmt.Errorf("more than %d files: %w", maxFiles, format.ErrLimit)
	case len(r.seen) == 0 && rank(h.Name) != 0:
		return fmt.Errorf("%s comes first, where %s must be: this is no dump", h.Name, format.InfoName)
	case len(r.seen) == 0:
		r.encrypted = encrypted
	case encrypted != r.encrypted:
		return fmt.Errorf("%s: encrypted and plain files do not go together in one dump", h.Name)
	}
	r.finished = isLast(h.Name)
	return nil
}

func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse") {
			return true
		}
	}
	return false
}

func short(name string) string { return name[:min(len(name), 100)] }

// end makes sure that the tar has its end, that it is that of a dump, and that nothing but zeros
// follows.
func (r *Reader) end() error {
	at, whole := r.in.n, r.in.zeros >= endBytes
	_, err := io.Copy(&padding{at: at}, r.in)
	switch {
	case r.in.err != nil:
		return r.failed(r.in.err)
	case len(r.seen) == 0 && at == 0:
		return fmt.Errorf("%w: it is empty", ErrCut)
	case !r.finished:
		return fmt.Errorf("%w after %d bytes, before the dump's manifest: send it again from the start", ErrCut, at)
	case !whole:
		return fmt.Errorf("%w after %d bytes: send it again from the start", ErrCut, at)
	case err != nil:
		return err
	}
	return io.EOF
}

// A padding takes zeros only: anything else behind the end of a dump would be lost.
type padding struct{ at int64 }

func (p *padding) Write(b []byte) (int, error) {
	for i, c := range b {
		if c != 0 {
			return i, &format.CorruptError{Name: StreamName, Offset: p.at + int64(i), Err: errors.New("something follows the end of the dump: send one dump alone")}
		}
	}
	p.at += int64(len(b))
	return len(b), nil
}

func (r *Reader) failed(err error) error {
	switch {
	case r.in.err != nil:
		return fmt.Errorf("read the stream: %w", r.in.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w after %d bytes: send it again from the start", ErrCut, r.in.n)
	}
	return &format.CorruptError{Name: StreamName, Offset: r.in.n, Err: fmt.Errorf("this is no tar of a dump: %w", err)}
}

// Copy copies the file at hand to w and returns what it is.
func (r *Reader) Copy(name string, w io.Writer) (format.File, error) {
	h := format.NewFileHash()
	out := &target{w: w}
	_, err := io.Copy(io.MultiWriter(out, h), r.tr)
	if out.err != nil {
		return format.File{}, out.err
	}
	if err != nil {
		return format.File{}, r.failed(err)
	}
	return h.File(name), nil
}

// Store puts the file at hand into a store.
func (r *Reader) Store(name string, dir storage.Store) (f format.File, err error) {
	err = storage.Write(dir, name, func(w io.Writer) error {
		f, err = r.Copy(name, w)
		return err
	})
	return f, err
}

// A source counts what is read, and remembers the error of what it reads from.
type source struct {
	r     io.Reader
	n     int64
	zeros int // at the end of what was read
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	i := n
	for i > 0 && p[i-1] == 0 {
		i--
	}
	if i > 0 {
		s.zeros = 0
	}
	s.zeros += n - i
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = err
	}
	return n, err
}

// A target remembers its error, which is none of the stream.
type target struct {
	w   io.Writer
	err error
}

func (t *target) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if err != nil {
		t.err = err
	}
	return n, err
}
