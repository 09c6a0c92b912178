package dumpreport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A File is one that a page will be: one of that name stays as it is until the page is whole.
type File struct {
	path string
	temp *os.File
}

// Create refuses a path at which no file can be.
func Create(path string) (*File, error) {
	if is, err := os.Stat(path); err == nil && is.IsDir() {
		return nil, fmt.Errorf("%w: --out: %s is a directory", exitcode.ErrRefused, path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return nil, fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	return &File{path, temp}, nil
}

// Write makes it the page.
func (f *File) Write(p *Page) error {
	if err := errors.Join(WritePage(f.temp, p), f.temp.Sync(), f.temp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return storage.Rename(f.temp.Name(), f.path)
}

// Close removes what was not made the page.
func (f *File) Close() {
	f.temp.Close()
	os.Remove(f.temp.Name())
}
