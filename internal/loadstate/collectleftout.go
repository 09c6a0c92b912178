package loadstate

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// CollectLeftOut puts the lists of what was left out, which have a name, together, and returns the
// file, beside the journals or, if these are in a bucket, at path; empty: there is nothing.
func (s *Status) CollectLeftOut(path string, name func(*journal.Journal) string) (list string, err error) {
	if s.Stats().Left() == 0 {
		return "", nil
	}
	if !storage.IsURL(s.Root) {
		path = filepath.Join(s.Root, "left-out.jsonl")
		if s.common == nil { // there is but one
			list = filepath.Join(s.Root, name(s.Shards[0].Journal))
			if _, err := os.Stat(list); errors.Is(err, fs.ErrNotExist) { // it is where --report said
				return "", nil
			}
			return list, nil
		}
	}
	var f *os.File
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, p := range s.Shards {
		if p.Journal.Stats().Left() == 0 {
			continue
		}
		r, err := storage.ReadLog(p.Journal.Store(), name(p.Journal))
		if errors.Is(err, fs.ErrNotExist) && s.common == nil { // it is where --report said
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read what was left out: %w", err)
		}
		if f == nil {
			f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		}
		if err == nil {
			_, err = io.Copy(f, r)
		}
		if err = errors.Join(err, r.Close()); err != nil {
			return "", fmt.Errorf("put together what was left out: %w", err)
		}
	}
	return path, nil
}
