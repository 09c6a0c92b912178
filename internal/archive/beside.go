package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// besideName is the directory of what is kept beside an unfinished dump.
const besideName = "compared"

// Beside returns a writer of chunks in a directory below the dump, which are no part of it: what a
// run keeps for those that resume it. Chunks that are there already are taken up as those of a dump
// that is resumed; log is told of each that is removed. One that was begun sealAfter ago is sealed.
// RemoveAll removes them all, which is to be done before the dump is finished.
func (w *Writer) Beside(sealAfter time.Duration, log func(string)) (*Writer, error) {
	o, store := w.o, storage.Below(w.dir, besideName)
	o.Sealed, o.SealAfter = nil, sealAfter
	return newWriter(store, w.uploads != nil, w.Info, o, store.Lock, func(b *Writer) error {
		b.numbers.claims = w.numbers.claims
		names, err := store.List()
		if err == nil {
			err = b.adoptAll(names, []numberRange{0}, log)
		}
		if err != nil {
			return fmt.Errorf("take up %s: %w", store.Path(""), err)
		}
		return nil
	})
}

// RemoveAll removes every file of the writer's directory.
func (w *Writer) RemoveAll() error {
	names, err := w.dir.List()
	if err = errors.Join(err, w.flush()); err != nil {
		return err
	}
	for _, c := range w.chunks { // which a bucket may not list yet
		if !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	for _, name := range names {
		if err := w.dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	w.chunks = nil
	return nil
}

// SoFar returns an archive of the chunks that are sealed, of an unfinished dump, until Close.
func (w *Writer) SoFar() (*Archive, error) {
	m, err := w.Draft(nil)
	if err != nil {
		return nil, err
	}
	return &Archive{Manifest: m, dump: &m.Info, dir: w.dir, codec: w.codec}, nil
}
