package tempfile

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Dir makes a directory in parent, empty for that of temporary files, which only its owner can
// read, and returns what removes it. First it removes the directories of the same prefix that runs
// have left: each holds a lock on its own, which the kernel takes away however the run ends.
func Dir(parent, prefix string) (path string, remove func() error, err error) {
	parent = cmp.Or(parent, os.TempDir())
	names, _ := os.ReadDir(parent)
	for _, n := range names {
		if left := filepath.Join(parent, n.Name()); n.IsDir() && strings.HasPrefix(n.Name(), prefix) {
			if lock, err := hold(left); err == nil {
				_ = os.RemoveAll(left) // the next run tries again
				lock.Close()
			}
		}
	}
	for {
		if path, err = os.MkdirTemp(parent, prefix); err != nil {
			return "", nil, err
		}
		lock, err := hold(path)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // another run took it for one that was left
		}
		return path, func() error {
			defer lock.Close()
			return os.RemoveAll(path)
		}, nil
	}
}

// hold locks a directory that is there. Where the file system has no such locks, nobody has one:
// then what is left stays.
func hold(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		_, err = os.Lstat(path) // names are not used again: it is this one
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
