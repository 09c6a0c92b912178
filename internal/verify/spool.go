package verify

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/pika2kvrocks/pika2kvrocks/internal/tempfile"
)

// A Spool keeps the names of keys that differ, in the order in which a dump has them, in a
// file without a name: there can be as many as keys.
type Spool struct {
	f    *os.File
	w    *bufio.Writer
	size int64
}

// A Names is the place in a spool of the keys of one part of the dump.
type Names struct {
	spool    *Spool
	from, to int64
}

// Empty reports whether no key is there.
func (n Names) Empty() bool { return n.from == n.to }

func (s *Spool) add(key []byte) error {
	if s.f == nil {
		f, err := tempfile.Create()
		if err != nil {
			return err
		}
		s.f, s.w = f, bufio.NewWriter(f)
	}
	head := binary.AppendUvarint(nil, uint64(len(key)))
	_, err := s.w.Write(head)
	if err == nil {
		_, err = s.w.Write(key)
	}
	if err != nil {
		return tempfile.NoRoom(err)
	}
	s.size += int64(len(head) + len(key))
	return nil
}

// since returns what was added from an earlier size on.
func (s *Spool) since(from int64) (Names, error) {
	if s.w != nil {
		if err := s.w.Flush(); err != nil {
			return Names{}, tempfile.NoRoom(err)
		}
	}
	return Names{s, from, s.size}, nil
}

// Close frees the file.
func (s *Spool) Close() error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

// reader returns a function that goes through the names. It returns nil at the end.
func (n Names) reader() func() ([]byte, error) {
	if n.Empty() {
		return func() ([]byte, error) { return nil, nil }
	}
	r := bufio.NewReader(io.NewSectionReader(n.spool.f, n.from, n.to-n.from))
	var key []byte
	return func() ([]byte, error) {
		size, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if uint64(cap(key)) < size || key == nil {
			key = make([]byte, size)
		}
		key = key[:size]
		_, err = io.ReadFull(r, key)
		return key, err
	}
}
