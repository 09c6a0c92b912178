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
// have left: each holds a lock, which the kernel takes away however the run ends.
func Dir(parent, prefix string) (path string, remove func() error, err error) {
	parent = cmp.Or(parent, os.TempDir())
	names, _ := os.ReadDir(parent)
	for _, n := range names {
		if left := filepath.Join(parent, n.Name()); n.IsDir() && strings.HasPrefix(n.Name(), prefix) {
			switch lock, err := hold(left, 0); {
			case err == nil:
				_ = drop(left, lock) // the next run tries again
			case errors.Is(err, fs.ErrNotExist):
				_ = os.Remove(left) // it is empty
			}
		}
	}
	for {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return "", nil, err
		}
		lock, err := hold(dir, os.O_CREATE)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue // another run took it for one that was left
		}
		remove = func() error { return drop(dir, lock) }
		path = filepath.Join(dir, files)
		if err := os.Mkdir(path, 0o700); err != nil {
			return "", nil, errors.Join(err, remove())
		}
		return path, remove, nil
	}
}

// A directory holds the files, and a file that is locked as long as there are any.
const (
	files    = "files"
	lockFile = "lock"
)

func drop(dir string, lock *os.File) error {
	defer lock.Close()
	return errors.Join(os.RemoveAll(filepath.Join(dir, files)), os.RemoveAll(dir))
}

// hold locks a file in a directory that is there. The lock of a directory itself is one of this
// host alone on NFS (R: Linux, nfs_dir_operations). Where the file system has no such locks, nobody
// has one: then what is left stays.
func hold(dir string, create int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|create, 0o600)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		_, err = os.Lstat(f.Name()) // names are not used again: it is this one
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
