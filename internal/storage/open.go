package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Open returns the store at location, a directory, which must be there, or the URL of a prefix in a
// bucket. The context is for all that is done with a bucket.
func Open(ctx context.Context, location string) (Store, error) {
	if IsURL(location) {
		return OpenBucket(ctx, location, Options{})
	}
	return OpenDir(location)
}

// Create is Open, but makes a directory that is not there, and makes sure that a bucket can be
// written to.
func Create(ctx context.Context, location string, o Options) (Store, error) {
	if IsURL(location) {
		return CreateBucket(ctx, location, o)
	}
	return CreateDir(location)
}

// IsConditional reports whether of several runs that create a file at once only one succeeds: not
// so in a bucket that takes no conditions.
func IsConditional(s Store) bool {
	b, ok := s.(*Bucket)
	return !ok || !b.unconditional.Load()
}

// Foresee says what Create and Lock would do at a location, as far as that shows without writing
// anything. It returns the store, or nil if there is none and a directory can be made. The error is
// ErrLocked if another run is at work. Whether a bucket takes objects shows only when one is
// written.
func Foresee(ctx context.Context, location string, o Options) (Store, error) {
	if IsURL(location) {
		b, err := OpenBucket(ctx, location, o)
		if err != nil {
			return nil, err
		}
		_, err = b.unlocked(lockName)
		return b, err
	}
	path := filepath.Clean(location)
	there, err := existing(path)
	if err == nil {
		err = access(there, write|search)
	}
	if err != nil || there != path {
		return nil, err
	}
	d := &Dir{path}
	return d, d.unlocked()
}

// MayWrite returns why the file at path can be neither made nor written to, without doing either;
// nil if it can.
func MayWrite(path string) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); err != nil {
			return err
		}
		return access(dir, write|search)
	case err != nil:
		return err
	case st.IsDir():
		return fmt.Errorf("%s is a directory", path)
	}
	return access(path, write)
}

// Absent returns what removes the directory at a location, and those above it, that are not there
// yet, as far as they are empty then: a run that is refused leaves nothing behind.
func Absent(location string) (remove func()) {
	path := filepath.Clean(location)
	there, err := existing(path)
	if IsURL(location) || err != nil {
		return func() {}
	}
	return func() { (&Dir{root: there}).prune(path) }
}

// existing returns path if it is a directory that is there, or else the one nearest above it that
// is.
func existing(path string) (string, error) {
	for ; ; path = filepath.Dir(path) {
		st, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", err
		case !st.IsDir():
			return "", fmt.Errorf("%s is not a directory", path)
		}
		return path, nil
	}
}

// Modes of access(2).
const (
	search = 1
	write  = 2
)

func access(path string, mode uint32) error {
	if err := syscall.Access(path, mode); err != nil {
		return &fs.PathError{Op: "write to", Path: path, Err: err}
	}
	return nil
}

// unlocked returns ErrLocked if a run holds the Lock. It holds it itself for a moment, together
// with others.
func (d *Dir) unlocked() error {
	f, err := os.Open(filepath.Join(d.root, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", d.root, err)
	}
	defer f.Close()
	return d.flock(f, syscall.LOCK_SH)
}
