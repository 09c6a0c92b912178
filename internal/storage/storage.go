// Package storage keeps the files of a dump, in a local directory or in a bucket of an object
// store. A file is either whole under its name or not there, and one that is there is never
// overwritten.
//
//	s, err := storage.Create(ctx, "s3://bucket/prefix", storage.Options{})
//	lock, err := s.Lock()
//	f, err := s.Create("manifest.json") // … Write, then Commit
//
// It knows nothing of what is in the files.
package storage

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Store holds the files of one dump. Names are relative to it, with slashes, and never lie
// outside. Its methods may be called from many goroutines.
type Store interface {
	// Path returns where a file is, for people, and of "" where the store is.
	Path(name string) string
	// Open opens a file for reading. The error is fs.ErrNotExist if it is not there.
	Open(name string) (Reader, error)
	// Create begins a file of that name. The error, or that of its Commit, is fs.ErrExist
	// if it is there.
	Create(name string) (File, error)
	// Remove removes a file, durably.
	Remove(name string) error
	// List returns the names of all files, in order. Those that are being written are left
	// out, and those that are no part of a dump: locks, SettingsName and ShardsName.
	List() ([]string, error)
	// RemoveTemporaries removes what runs that were killed were writing.
	RemoveTemporaries() error
	// Lock keeps other runs out, or returns ErrLocked.
	Lock() (Lock, error)
	// LockShard keeps out runs that hold the Lock, and others of the shard of that name, or returns
	// ErrLocked. Other shards may be at work.
	LockShard(name string) (Lock, error)
}

// A Reader reads one file. ReadAt may be called from many goroutines, and is best used for
// few and large pieces.
type Reader interface {
	io.ReadCloser
	io.ReaderAt
	Size() int64
	// SHA256 returns the hash of the file if the store knows it; nil: it does not. What is read is
	// not checked against it.
	SHA256() []byte
}

// A File is being written. Exactly one of Commit and Discard ends it; Discard after
// either does nothing.
type File interface {
	io.Writer
	// Commit makes the file visible under its name, and durable.
	Commit() error
	// Discard removes what was written.
	Discard()
}

// A Lock keeps other runs out of a store.
type Lock interface {
	// Held returns ErrLocked if another run has broken the lock.
	Held() error
	// Unlock lets them in.
	Unlock() error
}

// Options of a store in a bucket. Zero values mean the defaults.
type Options struct {
	Spool     string        // directory of files that wait to be sent: default os.TempDir
	BreakLock bool          // take the place of a run that is known to be gone
	Wait      time.Duration // before a request is tried for the second time, then twice as long: default 500 ms
}

// A Releaser is a Store that need not keep files, when they will not be read any more.
type Releaser interface {
	Release(name string) error
}

// Release tells a store that a file will not be read any more: most stores keep it.
func Release(s Store, name string) error {
	if r, ok := s.(Releaser); ok {
		return r.Release(name)
	}
	return nil
}

// ReadFile reads a whole file of at most limit bytes.
func ReadFile(s Store, name string, limit int64) ([]byte, error) {
	f, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that it can have", s.Path(name), f.Size(), limit)
	}
	data := make([]byte, f.Size())
	if n, err := f.ReadAt(data, 0); n < len(data) {
		return nil, fmt.Errorf("read %s: %w", s.Path(name), err)
	}
	return data, nil
}

// WriteFile writes a small file as Create and Commit do.
func WriteFile(s Store, name string, data []byte) error { return Write(s, name, writing(data)) }

// Write makes a file, as Create and Commit do, of what write writes.
func Write(s Store, name string, write func(io.Writer) error) error {
	f, err := s.Create(name)
	if err != nil {
		return err
	}
	return finish(f, write)
}

// finish writes a file that is begun.
func finish(f File, write func(io.Writer) error) error {
	defer f.Discard()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}

// writing returns what writes data.
func writing(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// Exists reports whether a file is there.
func Exists(s Store, name string) (bool, error) {
	f, err := s.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", s.Path(name), err)
	}
	return true, f.Close()
}

// WriteOnce writes a small file, also where the store is not locked: of several runs one succeeds.
// The error of the others is fs.ErrExist.
func WriteOnce(s Store, name string, data []byte) error {
	d, ok := s.(*Dir)
	if !ok {
		return WriteFile(s, name, data)
	}
	p, err := d.path(name)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(p), tempPrefix+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(temp, p)
	}
	if err := errors.Join(err, os.Remove(temp)); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(p))
}

// Below returns a store of the files of s whose names begin with dir and a slash. It is locked with
// s, which lists its files beside its own.
func Below(s Store, dir string) Store { return &below{s, dir + "/"} }

type below struct {
	Store
	prefix string
}

func (b *below) Path(name string) string          { return b.Store.Path(strings.TrimSuffix(b.prefix+name, "/")) }
func (b *below) Open(name string) (Reader, error) { return b.Store.Open(b.prefix + name) }
func (b *below) Create(name string) (File, error) { return b.Store.Create(b.prefix + name) }
func (b *below) Remove(name string) error         { return b.Store.Remove(b.prefix + name) }
func (b *below) Lock() (Lock, error)              { return noLock{}, nil }
func (b *below) LockShard(string) (Lock, error)   { return noLock{}, nil }
func (b *below) Release(name string) error        { return Release(b.Store, b.prefix+name) }

func (b *below) List() ([]string, error) {
	names, err := b.Store.List()
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, b.prefix) })
	for i, n := range names {
		names[i] = n[len(b.prefix):]
	}
	return names, err
}

// noLock is the lock of what is locked already.
type noLock struct{}

func (noLock) Held() error   { return nil }
func (noLock) Unlock() error { return nil }

// lockName is the file that a run locks. The kernel lets go of the lock when the run ends, however
// it ends: a file that is left over means nothing. Shards hold it together, and each one that
// begins with shardLock alone.
const (
	lockName  = ".lock"
	shardLock = lockName + "-"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// claimPrefix begins the names of files by which runs claim what has a number. List leaves them
// out.
const claimPrefix = ".claim-"

// ClaimName returns the name of such a file. Of an unfinished dump, numbers of chunks are claimed.
func ClaimName(n int) string { return fmt.Sprintf(claimPrefix+"%07d", n) }

// SettingsName is the name of a file about the server that is being dumped: it is no part of the
// dump, and List leaves it out.
const SettingsName = ".source-settings.json"

// ShardsName is the name of a file that says how an unfinished dump is divided into shards. List
// leaves it out, too.
const ShardsName = ".shares.json"

// hidden reports whether List leaves out files of that name in whatever directory: our own that are
// no part of a dump, and what file managers and network file systems leave everywhere.
func hidden(base string) bool {
	switch base {
	case ".DS_Store", "Thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasPrefix(base, ".nfs") || strings.HasPrefix(base, "._") || strings.HasPrefix(base, tempPrefix) || strings.HasPrefix(base, claimPrefix) || base == lockName || strings.HasPrefix(base, shardLock) || base == SettingsName || base == ShardsName
}
