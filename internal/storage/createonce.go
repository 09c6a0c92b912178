package storage

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

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
