package archive

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

func name(key []byte) string { return strconv.Quote(string(key)) }

// writeList writes a file of JSON lines, each of which each hands to add, and lists it in the
// manifest. Without a line no file is made.
func (a *Archive) writeList(name string, each func(add func(line any) error) error) error {
	var f storage.File
	var w *bufio.Writer
	h := format.NewFileHash()
	err := each(func(v any) (err error) {
		if f == nil {
			if f, err = a.dir.Create(name); err != nil {
				return fmt.Errorf("begin %s: %w", name, err)
			}
			w = bufio.NewWriter(io.MultiWriter(f, h))
		}
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err = w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	})
	if f == nil {
		return err
	}
	defer f.Discard()
	if err != nil {
		return err
	}
	if err = w.Flush(); err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	a.Manifest.Lists = append(a.Manifest.Lists, h.File(name))
	return nil
}

// maxLine is the longest line of a list: a key of the largest size in base64, and twice
// more for its name.
const maxLine = 4 * format.MaxBulk

// readList hands each line of a list to each and checks the file against the manifest.
func readList[T any](dir storage.Store, file format.File, each func(T) error) error {
	f, err := openListed(dir, file.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	path, h := dir.Path(file.Name), format.NewFileHash()
	sc := bufio.NewScanner(io.TeeReader(f, h))
	sc.Buffer(nil, maxLine)
	offset := int64(0)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return &format.CorruptError{Name: path, Offset: offset, Err: err}
		}
		if err := each(v); err != nil {
			return err
		}
		offset += int64(len(sc.Bytes())) + 1
	}
	if err := sc.Err(); err == bufio.ErrTooLong {
		return &format.CorruptError{Name: path, Offset: offset, Err: err}
	} else if err != nil {
		return fmt.Errorf("read %s: %w", path, inDir(dir, err))
	}
	if h.File(file.Name) != file {
		return &format.CorruptError{Name: path, Err: format.ErrChecksum}
	}
	return nil
}

// readNamed reads the list of that name, if the dump has one.
func readNamed[T any](a *Archive, name string, each func(T) error) error {
	for _, f := range a.Manifest.Lists {
		if f.Name == name {
			return readList(a.dir, f, each)
		}
	}
	return nil
}
