package encryption

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Of an age file: a header, a nonce, and pieces of the same size but for the last, each with a tag
// (age-encryption.org/v1).
const (
	maxHeader = 64 << 10 // some 40 recipients of the largest kind
	nonceSize = 16
	pieceSize = 64 << 10
	tagSize   = 16
)

// A reader decrypts one file.
type reader struct {
	name   string
	inner  storage.Reader
	header []byte
	key    age.Identity // opens this file only
	size   int64        // of what was encrypted

	source *source
	in     *bufio.Reader // the ciphertext from its start
	seq    io.Reader     // nil until the first Read

	mu  sync.Mutex
	win *window     // ciphertext that was read ahead
	at  io.ReaderAt // nil until the first ReadAt
}

// open opens a file. The error is an age.NoIdentityMatchError if it is not for the identities.
func (s *Store) open(name string) (*reader, error) {
	inner, err := s.Store.Open(name + format.EncryptedSuffix)
	if err != nil {
		return nil, err
	}
	r := &reader{name: name, inner: inner, source: &source{Reader: inner}}
	if err := r.readHeader(s.identities(name)); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return r, nil
}

func (s *Store) identities(name string) []age.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.fileKeys[name]; key != nil {
		return []age.Identity{age.NewInjectedFileKeyIdentity(key)}
	}
	return s.keys.Identities
}

func (r *reader) readHeader(identities []age.Identity) error {
	r.in = bufio.NewReaderSize(r.source, maxHeader)
	head, _ := r.in.Peek(maxHeader)
	if r.source.err != nil {
		return r.source.err
	}
	r.win = &window{source: source{Reader: r.inner}, buf: bytes.Clone(head)}
	var err error
	if r.header, err = age.ExtractHeader(bytes.NewReader(head)); err != nil {
		return r.failed(r.source, err)
	}
	payload := r.inner.Size() - int64(len(r.header)) - nonceSize
	pieces := (payload + pieceSize + tagSize - 1) / (pieceSize + tagSize)
	if r.size = payload - pieces*tagSize; r.size < 0 || pieces == 0 {
		return r.failed(r.source, io.ErrUnexpectedEOF)
	}
	key, err := age.DecryptHeader(r.header, identities...)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		return err
	}
	if err != nil {
		return r.failed(r.source, err)
	}
	r.key = age.NewInjectedFileKeyIdentity(key)
	if r.size == 0 { // whoever reads nothing would not see that there was more
		return r.random()
	}
	return nil
}

// random makes the reader ready for ReadAt, and makes sure that the file has the size that it seems
// to have.
func (r *reader) random() error {
	at, size, err := age.DecryptReaderAt(r.win, r.inner.Size(), r.key)
	if err == nil && size != r.size {
		err = errors.New("it has another size than its header lets expect")
	}
	if err != nil {
		return r.failed(&r.win.source, err)
	}
	r.at = at
	return nil
}

// failed returns what a failure to decrypt means: the file could not be read, or it is damaged.
func (r *reader) failed(from *source, err error) error {
	if from.err != nil {
		return from.err
	}
	return &format.CorruptError{Name: r.name, Err: fmt.Errorf("decrypt: %w", err)}
}

// Size returns the size of what was encrypted.
func (r *reader) Size() int64 { return r.size }

// SHA256 is not known of what was encrypted.
func (r *reader) SHA256() []byte { return nil }

func (r *reader) Read(p []byte) (int, error) {
	if r.seq == nil {
		seq, err := age.Decrypt(r.in, r.key)
		if err != nil {
			return 0, r.failed(r.source, err)
		}
		r.seq = seq
	}
	n, err := r.seq.Read(p)
	if err != nil && err != io.EOF {
		err = r.failed(r.source, err)
	}
	return n, err
}

// ReadAt reads at an offset, all of the ciphertext that it needs at once.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.win.err = nil
	if r.at == nil {
		if err := r.random(); err != nil {
			return 0, err
		}
	}
	if off >= 0 && off < r.size && len(p) > 0 {
		end := min(off+int64(len(p)), r.size)
		begin := r.inner.Size() - (r.size + (r.size+pieceSize-1)/pieceSize*tagSize)
		from := begin + off/pieceSize*(pieceSize+tagSize)
		to := min(r.inner.Size(), begin+((end-1)/pieceSize+1)*(pieceSize+tagSize))
		if err := r.win.move(from, to); err != nil {
			return 0, err
		}
	}
	n, err := r.at.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = r.failed(&r.win.source, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.inner.Close() }

// A source remembers the error of the file that it reads: age's errors do not tell it from damage.
type source struct {
	storage.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	return n, s.note(err)
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n, err := s.Reader.ReadAt(p, off)
	return n, s.note(err)
}

func (s *source) note(err error) error {
	if err != nil && err != io.EOF {
		s.err = err
	}
	return err
}

// A window is a part of a file that was read at once: each read of a bucket's object is a request.
type window struct {
	source
	from int64
	buf  []byte
}

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	if off >= w.from && off+int64(len(p)) <= w.from+int64(len(w.buf)) {
		return copy(p, w.buf[off-w.from:]), nil
	}
	return w.source.ReadAt(p, off)
}

// move makes the window that from from to to.
func (w *window) move(from, to int64) error {
	if from >= w.from && to <= w.from+int64(len(w.buf)) {
		return nil
	}
	w.buf, w.from = make([]byte, to-from), from
	n, err := w.source.ReadAt(w.buf, from)
	w.buf = w.buf[:n]
	if err == io.EOF {
		return nil
	}
	return err
}
