// Package tempfile makes files without a name, of which nothing is left however the run ends, and
// directories that the next run removes:
//
//	f, err := tempfile.Create()
//	path, remove, err := tempfile.Dir("", "kvload-deltas-")
//
// It never keeps a file open that its caller has closed.
package tempfile

import (
	"errors"
	"fmt"
	"os"
)

// Create makes a file without a name, for the names of keys that memory does not hold.
func Create() (*os.File, error) {
	f, err := os.CreateTemp("", "keys-")
	if err != nil {
		return nil, NoRoom(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// NoRoom says what can be done about an error of writing such a file; nil if err is.
func NoRoom(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keep the names of keys: %w; set TMPDIR to a directory with room", err)
}
