package archive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ConflictKey is a line of conflicts.jsonl: a name that exists under several types.
type ConflictKey struct {
	DB    int           `json:"db"`
	Key   []byte        `json:"key"`
	Name  string        `json:"name"`
	Types []format.Type `json:"types"` // in the order in which Pika looks them up
}

func name(key []byte) string { return strconv.Quote(string(key)) }

// A list is a file of JSON lines that is being written. The first line makes it.
type list struct {
	dir  storage.Store
	name string
	f    storage.File // nil: there is no line
	w    *bufio.Writer
	hash hash.Hash
	size int64
}

func (l *list) add(v any) error {
	if l.f == nil {
		f, err := l.dir.Create(l.name)
		if err != nil {
			return fmt.Errorf("begin %s: %w", l.name, err)
		}
		l.f, l.w, l.hash = f, bufio.NewWriter(f), sha256.New()
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	l.hash.Write(line)
	l.size += int64(len(line))
	if _, err = l.w.Write(line); err != nil {
		return fmt.Errorf("write %s: %w", l.name, err)
	}
	return nil
}

func (l *list) commit() (format.File, error) {
	if err := l.w.Flush(); err != nil {
		return format.File{}, fmt.Errorf("write %s: %w", l.name, err)
	}
	if err := l.f.Commit(); err != nil {
		return format.File{}, fmt.Errorf("write %s: %w", l.name, err)
	}
	return format.File{Name: l.name, Size: l.size, SHA256: hex.EncodeToString(l.hash.Sum(nil))}, nil
}

// discard throws the file away, unless it was committed.
func (l *list) discard() {
	if l.f != nil {
		l.f.Discard()
	}
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
	h := sha256.New()
	sc := bufio.NewScanner(io.TeeReader(f, h))
	sc.Buffer(nil, maxLine)
	offset := int64(0)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			return &format.CorruptError{Name: file.Name, Offset: offset, Err: err}
		}
		if err := each(v); err != nil {
			return err
		}
		offset += int64(len(sc.Bytes())) + 1
	}
	if err := sc.Err(); err == bufio.ErrTooLong {
		return &format.CorruptError{Name: file.Name, Offset: offset, Err: err}
	} else if err != nil {
		return fmt.Errorf("read %s: %w", dir.Path(file.Name), err)
	}
	if hex.EncodeToString(h.Sum(nil)) != file.SHA256 {
		return &format.CorruptError{Name: file.Name, Err: format.ErrChecksum}
	}
	return nil
}

// readNamed reads the list of that name, if the dump has one.
func readNamed[T any](a *Archive, name string, each func(T) error) error {
	for _, f := range a.Manifest.Lists {
		if f.Name == name {
			return inDir(a.dir, readList(a.dir, f, each))
		}
	}
	return nil
}
