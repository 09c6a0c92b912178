package format

import (
	"errors"
	"fmt"
	"io"
)

// Causes that a caller branches on, with errors.Is.
var (
	// ErrVersion: the file is of a format version that this package does not know.
	ErrVersion = errors.New("unknown format version")
	// ErrKind: a record is of a kind that this package does not know.
	ErrKind = errors.New("unknown record kind")
	// ErrChecksum: the bytes are not those that were written.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrLimit: a length in the file is above a limit of the format.
	ErrLimit = errors.New("above the limit of the format")
)

// unknownVersion is the error of a version that is none of 1 to newest.
func unknownVersion(version, newest int) error {
	reads := "version 1"
	if newest > 1 {
		reads = fmt.Sprintf("versions 1 to %d", newest)
	}
	return fmt.Errorf("%w %d: this program reads %s; use a newer one", ErrVersion, version, reads)
}

// A CorruptError says that a file of a dump is damaged, cut short, or not what
// it claims to be, and where. Errors of the reader that a file comes from are
// passed on as they are, and are no CorruptError.
type CorruptError struct {
	Name   string // the file, as its reader was told
	Offset int64  // bytes from its start at which what could not be read begins
	Err    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s at %d: %v", e.Name, e.Offset, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// A sourceError is an error of the reader that a file comes from: a network that broke
// or a read that was cancelled says nothing about the file.
type sourceError struct{ err error }

func (e sourceError) Error() string { return e.err.Error() }

// corrupt returns the CorruptError of err, or, if it is the source that failed,
// an error that is none.
func corrupt(name string, offset int64, err error) error {
	if source, ok := errors.AsType[sourceError](err); ok {
		return fmt.Errorf("read %s at %d: %w", name, offset, source.err)
	}
	return &CorruptError{name, offset, err}
}

// noEOF turns an end of file in the middle of something into an error that no
// caller can take for the regular end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
