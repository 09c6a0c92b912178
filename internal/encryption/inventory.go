package encryption

import (
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ReadInventory reads encrypted.json. The error is fs.ErrNotExist if it is not there: the dump is
// not encrypted, or not finished.
func ReadInventory(dir storage.Store) (*format.Inventory, error) {
	data, err := storage.ReadFile(dir, format.InventoryName, format.MaxManifest)
	if err != nil {
		return nil, err
	}
	in, err := format.ParseInventory(data)
	if ce, ok := errors.AsType[*format.CorruptError](err); ok {
		ce.Name = dir.Path(ce.Name)
	}
	return in, err
}

// finish writes encrypted.json. Of the files of earlier runs it reads the ciphertext.
func (s *Store) finish() error {
	var files []format.File
	for name := range s.names {
		s.mu.Lock()
		f, ok := s.files[name]
		s.mu.Unlock()
		if !ok {
			var err error
			if f, err = stored(s.Store, name+format.EncryptedSuffix, true); err != nil {
				return err
			}
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b format.File) int { return strings.Compare(a.Name, b.Name) })
	inventory := format.NewInventory(files)
	data, err := inventory.Marshal()
	if err != nil {
		return err
	}
	return storage.WriteFile(s.Store, format.InventoryName, data)
}

// stored says of a file what encrypted.json says of it. It reads the file, unless the store's own
// hash will do and the store knows it.
func stored(dir storage.Store, name string, its bool) (format.File, error) {
	f, err := dir.Open(name)
	if err != nil {
		return format.File{}, err
	}
	defer f.Close()
	if sum := f.SHA256(); its && sum != nil {
		return format.File{Name: name, Size: f.Size(), SHA256: hex.EncodeToString(sum)}, nil
	}
	h := format.NewFileHash()
	_, err = io.Copy(h, f)
	return h.File(name), err
}
