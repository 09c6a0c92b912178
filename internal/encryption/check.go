package encryption

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Check compares the files of an encrypted dump with encrypted.json, without any identity. It calls
// failed for each that is missing, has another size or SHA-256, or is not listed, and done after
// each file, and returns how many failed. Last it calls failed for chunks that came late, which are
// no failures.
func Check(ctx context.Context, dir storage.Store, in *format.Inventory, done func(format.File), failed func(error)) (bad int, err error) {
	listed := map[string]bool{format.InventoryName: true}
	for _, f := range in.Files {
		if ctx.Err() != nil {
			return bad, context.Cause(ctx)
		}
		listed[f.Name] = true
		if err := check(dir, f); err != nil {
			if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrDenied) || ctx.Err() != nil {
				return bad, err // which says nothing about the dump
			}
			bad++
			failed(err)
		}
		done(f)
	}
	names, err := dir.List()
	if err != nil {
		return bad, fmt.Errorf("check dump: %w", err)
	}
	for _, n := range names {
		switch base := strings.TrimSuffix(n, format.EncryptedSuffix); {
		case listed[n] || !format.IsFileName(base):
		case isLate(dir, base):
			failed(fmt.Errorf("no part of the dump, and ignored: %s, which a run that was killed had sent; it can be removed", dir.Path(n)))
		default:
			bad++
			failed(fmt.Errorf("%s is not in %s", dir.Path(n), format.InventoryName))
		}
	}
	return bad, nil
}

// isLate reports whether a chunk that is not listed is encrypted: a bucket may show it when the run
// that had sent it was killed and another has finished the dump.
func isLate(dir storage.Store, name string) bool {
	const begin = "age-encryption.org/"
	if _, _, _, err := format.ParseChunkName(name); err != nil {
		return false
	}
	f, err := dir.Open(name + format.EncryptedSuffix)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(begin))
	_, err = f.ReadAt(head, 0)
	return err == nil && string(head) == begin
}

func check(dir storage.Store, f format.File) error {
	got, err := stored(dir, f.Name, false)
	corrupt := func(why error) error { return &format.CorruptError{Name: dir.Path(f.Name), Err: why} }
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return corrupt(fmt.Errorf("%s lists this file, but it is not there", format.InventoryName))
	case err != nil:
		return fmt.Errorf("read %s: %w", dir.Path(f.Name), err)
	case got.Size != f.Size:
		return corrupt(fmt.Errorf("it has %d bytes, not %d", got.Size, f.Size))
	case got.SHA256 != f.SHA256:
		return corrupt(format.ErrChecksum)
	}
	return nil
}

// damaged returns an error if a file is known to be another one than was written.
func (s *Store) damaged(name string) error {
	in, err := ReadInventory(s.Store)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range in.Files {
		if f.Name == name+format.EncryptedSuffix {
			return check(s.Store, f)
		}
	}
	return nil
}
