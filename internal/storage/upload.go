package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/pika2kvrocks/pika2kvrocks/internal/objectstore"
)

// MaxObject is the largest object that each of the stores takes in one request: that of Azure. S3
// takes 5 GiB.
const MaxObject = 5000 << 20

// A spooled file is written to a local file, which has no name any more, and sent when it is whole.
// A request that fails is repeated from there.
type spooled struct {
	b    *Bucket
	name string
	f    *os.File
	hash hash.Hash
	size int64
	done bool
}

func (s *spooled) Write(p []byte) (int, error) {
	n, err := s.f.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	return n, err
}

func (s *spooled) Commit() error {
	if s.done {
		return errors.New("commit " + s.b.Path(s.name) + ": already ended")
	}
	defer s.Discard()
	return s.b.put(s.name, s.f, s.size, s.hash.Sum(nil))
}

func (s *spooled) Discard() {
	if !s.done {
		s.done = true
		s.f.Close()
	}
}

func (b *Bucket) putBytes(name string, data []byte) error {
	sum := sha256.Sum256(data)
	return b.put(name, bytes.NewReader(data), int64(len(data)), sum[:])
}

// put makes an object of what data holds, in one request. The error is fs.ErrExist if there is
// another of that name, unless Supersede lets it be replaced.
func (b *Bucket) put(name string, data io.ReaderAt, size int64, sum []byte) error {
	if size > MaxObject {
		return fmt.Errorf("write %s: it has %d bytes, more than the %d that one request can send", b.Path(name), size, int64(MaxObject))
	}
	there := objectstore.Object{Version: objectstore.Nothing}
	for n := 1; ; n++ {
		err := b.send(name, data, size, sum, there.Version)
		gone := there.Version != objectstore.Nothing && errors.Is(err, fs.ErrNotExist)
		if !gone && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if b.holds(name, size, sum) {
			return nil // it is ours: the answer to an earlier try was lost
		}
		if !b.replaces(name) || n == tries {
			return err
		}
		if err := b.own.Held(); err != nil {
			return err
		}
		// Not removed and made anew: a late DELETE of ours would hit what the next run makes.
		if there, err = b.stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// send sends an object in the place of what it replaces.
func (b *Bucket) send(name string, data io.ReaderAt, size int64, sum []byte, replaces string) error {
	return b.try("write", name, func(ctx context.Context) error {
		if b.unconditional.Load() && replaces == objectstore.Nothing {
			if _, err := b.stat(name); err == nil {
				return fs.ErrExist
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		condition := replaces
		if b.unconditional.Load() {
			condition = objectstore.Anything
		}
		w := b.newWatch(ctx)
		body := &watched{io.NewSectionReader(data, 0, size), w}
		err := w.end(b.b.Put(w.ctx, b.key(name), body, objectstore.Object{Size: size, SHA256: sum}, condition))
		if err != nil && errors.Is(b.failure("write", name, err), errUnsupported) && !b.unconditional.Swap(true) {
			return errTakesNoCondition
		}
		return err
	})
}

// errTakesNoCondition makes try do it again, without.
var errTakesNoCondition = errors.New("it takes no conditions")

// holds reports whether an object is what was sent.
func (b *Bucket) holds(name string, size int64, sum []byte) bool {
	r, err := b.Open(name)
	if err != nil || r.Size() != size {
		return false
	}
	defer r.Close()
	if got := r.SHA256(); got != nil {
		return bytes.Equal(got, sum)
	}
	h := sha256.New()
	_, err = io.Copy(h, r)
	return err == nil && bytes.Equal(h.Sum(nil), sum)
}

// watched tells a watch that data is read.
type watched struct {
	*io.SectionReader
	w *watch
}

func (r *watched) Read(p []byte) (int, error) {
	r.w.moved()
	return r.SectionReader.Read(p)
}
