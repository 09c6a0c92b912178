// Package storage keeps the files of a dump, in a local directory or in a bucket of an object store, so
// that a file is either whole under its name or not there, and one that is there is never
// overwritten.
package storage

import (
	"context"
	"fmt"
	"io"
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
	// out, and those that are no part of a dump: the lock and SettingsName.
	List() ([]string, error)
	// RemoveTemporaries removes what runs that were killed were writing.
	RemoveTemporaries() error
	// Lock keeps other runs out, or returns ErrLocked.
	Lock() (Lock, error)
}

// A Reader reads one file. ReadAt may be called from many goroutines, and is best used for
// few and large pieces.
type Reader interface {
	io.ReadCloser
	io.ReaderAt
	Size() int64
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
	// Unlock lets them in.
	Unlock() error
}

// Open returns the store at location, which must be there.
func Open(ctx context.Context, location string) (Store, error) {
	return OpenDir(location)
}

// Create returns the store at location and makes it if need be.
func Create(ctx context.Context, location string) (Store, error) {
	return CreateDir(location)
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
	return io.ReadAll(f)
}

// WriteFile writes a small file as Create and Commit do.
func WriteFile(s Store, name string, data []byte) error {
	f, err := s.Create(name)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}
