package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Dir is a Store in a local directory. A file is written under a temporary name, synced, renamed,
// and its directory synced.
type Dir struct{ root string }

// OpenDir returns the directory at path, which must be there.
func OpenDir(path string) (*Dir, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", path)
	}
	return &Dir{path}, nil
}

// CreateDir returns the directory at path and makes it if need be, durably, and readable by its
// owner only: a dump holds whatever the database holds.
func CreateDir(path string) (*Dir, error) {
	if err := mkdirSynced(filepath.Clean(path)); err != nil {
		return nil, err
	}
	return OpenDir(path)
}

func (d *Dir) Path(name string) string {
	if name == "" {
		return d.root
	}
	return filepath.Join(d.root, filepath.FromSlash(name))
}

func (d *Dir) path(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", fmt.Errorf("%q is not the name of a file in %s", name, d.root)
	}
	return d.Path(name), nil
}

func (d *Dir) Open(name string) (Reader, error) {
	p, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &openFile{f, st.Size()}, nil
}

// An openFile knows its size.
type openFile struct {
	*os.File
	size int64
}

func (f *openFile) Size() int64    { return f.size }
func (f *openFile) SHA256() []byte { return nil }

func (d *Dir) List() ([]string, error) {
	var names []string
	err := d.walk(func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || hidden(e.Name()) {
			return err
		}
		rel, err := filepath.Rel(d.root, p)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	slices.Sort(names)
	return names, err
}

// walk goes through the directory, which a symbolic link may lead to: hence the slash.
func (d *Dir) walk(f fs.WalkDirFunc) error {
	return filepath.WalkDir(d.root+string(filepath.Separator), f)
}

func (d *Dir) RemoveTemporaries() error {
	return d.walk(func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), tempPrefix) {
			return err
		}
		return os.Remove(p)
	})
}

// Remove removes a file, durably, and the directories below the root that are empty then.
func (d *Dir) Remove(name string) error {
	p, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(p); err != nil {
		return err
	}
	dir := filepath.Dir(p)
	for {
		dir = d.prune(dir)
		if err := SyncDir(dir); dir == filepath.Clean(d.root) || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir = filepath.Dir(dir) // another Remove found it empty
	}
}

// prune removes a directory below the root, and those above it, as far as they are empty. It
// returns the first that is not.
func (d *Dir) prune(dir string) string {
	for dir != filepath.Clean(d.root) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	return dir
}

// A tempFile is being written.
type tempFile struct {
	dir  *Dir
	f    *os.File
	path string // where Commit puts it
	done bool
}

func (d *Dir) Create(name string) (File, error) {
	p, err := d.path(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create %s: %w", p, fs.ErrExist)
	}
	return d.create(p)
}

// mostTries is how often a file is begun in a directory that is gone when it is to be written.
const mostTries = 100

// create begins a file that takes the place of one that is there.
func (d *Dir) create(p string) (File, error) {
	for tries := 1; ; tries++ {
		var f *os.File
		err := mkdirSynced(filepath.Dir(p))
		if err == nil {
			f, err = os.OpenFile(filepath.Join(filepath.Dir(p), tempPrefix+filepath.Base(p)), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		}
		if errors.Is(err, fs.ErrNotExist) && tries < mostTries { // Remove, which ran meanwhile, found a directory empty
			continue
		}
		if err != nil {
			return nil, err
		}
		return &tempFile{dir: d, f: f, path: p}, nil
	}
}

// mkdirSynced makes a directory and those above it, each entry synced.
func mkdirSynced(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := mkdirSynced(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Rename renames a file, durably.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes durable which files a directory has.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

func (f *tempFile) Write(p []byte) (int, error) { return f.f.Write(p) }

func (f *tempFile) Commit() error {
	if f.done {
		return errors.New("commit " + f.path + ": already ended")
	}
	if err := errors.Join(f.f.Sync(), f.f.Close()); err != nil {
		f.Discard()
		return err
	}
	if err := os.Rename(f.f.Name(), f.path); err != nil {
		f.Discard()
		return err
	}
	f.done = true
	return SyncDir(filepath.Dir(f.path))
}

func (f *tempFile) Discard() {
	if !f.done {
		f.done = true
		f.f.Close()
		os.Remove(f.f.Name())
		f.dir.prune(filepath.Dir(f.path))
	}
}
