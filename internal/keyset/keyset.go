// Package keyset is a set of keys, or members of keys, of any number in bounded memory: of each it
// keeps a digest, of many in a file.
//
//	s := keyset.New()       // s.Add(db, kind, key, nil) for each, then s.Seal()
//	s.Holds(db, kind, key, nil)
//
// It never forgets one that was added; that it holds one that was not is as good as impossible.
package keyset

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/internal/tempfile"
)

// A digest stands for a key, or a member of one.
type digest [16]byte

// digestOf returns the digest of a key of a database and kind, or, if member is not nil, of a
// member of it.
func digestOf(db int, kind string, key, member []byte) (d digest) {
	h := sha256.New()
	var head []byte
	head = binary.AppendUvarint(head, uint64(db))
	head = append(append(head, kind...), 0)
	head = binary.AppendUvarint(head, uint64(len(key)))
	h.Write(head)
	h.Write(key)
	if member != nil {
		h.Write([]byte{1})
		h.Write(member)
	}
	copy(d[:], h.Sum(nil))
	return d
}

func compareDigests(a, b digest) int { return bytes.Compare(a[:], b[:]) }

const (
	// mostDigests is how many digests are kept in memory, 8 MiB: more go to a file.
	mostDigests = 512 << 10
	// blockDigests is how many of the file are read to look one up, of which memory keeps the
	// first.
	blockDigests = 256
	digestSize   = len(digest{})
)

// A Set first has all keys added, by one goroutine, then is sealed, and then any may ask it. Of the
// digests that memory does not hold, sorted in a file without a name, it keeps one in 256.
type Set struct {
	most int // in memory
	some []digest
	f    *os.File
	runs []int64 // where the sorted runs in f end
	size int64   // of f
	// Once sealed, if there is a file:
	firsts []digest // of the blocks
	failed atomic.Pointer[error]
}

// New returns an empty set.
func New() *Set { return &Set{most: mostDigests} }

// Empty reports whether nothing was added.
func (s *Set) Empty() bool { return s.size == 0 && len(s.some) == 0 }

// Add adds a key of a database, or, if member is not nil, a member of it. Kind may be empty.
func (s *Set) Add(db int, kind string, key, member []byte) error {
	if len(s.some) >= s.most {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.some = append(s.some, digestOf(db, kind, key, member))
	return nil
}

// spill makes a run of what is in memory.
func (s *Set) spill() (err error) {
	if s.f == nil {
		if s.f, err = tempfile.Create(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.some, compareDigests)
	w := bufio.NewWriter(s.f)
	for i := range s.some {
		if _, err := w.Write(s.some[i][:]); err != nil {
			return tempfile.NoRoom(err)
		}
	}
	s.size += int64(len(s.some) * digestSize)
	s.runs, s.some = append(s.runs, s.size), s.some[:0]
	return tempfile.NoRoom(w.Flush())
}

// Seal ends the adding.
func (s *Set) Seal() error {
	if s.f == nil {
		slices.SortFunc(s.some, compareDigests)
		return nil
	}
	if err := s.spill(); err != nil {
		return err
	}
	s.some = nil
	sorted, err := tempfile.Create()
	if err != nil {
		return err
	}
	w, n := bufio.NewWriter(sorted), 0
	err = s.merge(func(d digest) error {
		if n%blockDigests == 0 {
			s.firsts = append(s.firsts, d)
		}
		n++
		_, err := w.Write(d[:])
		return err
	})
	err = errors.Join(err, w.Flush(), s.f.Close())
	s.f = sorted
	return tempfile.NoRoom(err)
}

// merge hands over all runs as one.
func (s *Set) merge(each func(digest) error) error {
	var runs []*run // by what comes first
	from := int64(0)
	for _, to := range s.runs {
		r := &run{r: bufio.NewReader(io.NewSectionReader(s.f, from, to-from))}
		if err := r.next(); err != nil {
			return err
		}
		runs = append(runs, r)
		from = to
	}
	slices.SortFunc(runs, func(a, b *run) int { return compareDigests(a.first, b.first) })
	for len(runs) > 0 {
		r := runs[0]
		if err := each(r.first); err != nil {
			return err
		}
		err := r.next()
		if err == io.EOF {
			runs = runs[1:]
			continue
		}
		if err != nil {
			return err
		}
		behind, _ := slices.BinarySearchFunc(runs[1:], r.first, func(r *run, d digest) int { return compareDigests(r.first, d) })
		copy(runs, runs[1:behind+1])
		runs[behind] = r
	}
	return nil
}

// Holds reports whether exactly this was added. A file that cannot be read is told by Close.
func (s *Set) Holds(db int, kind string, key, member []byte) bool {
	d := digestOf(db, kind, key, member)
	if s.f == nil {
		_, found := slices.BinarySearchFunc(s.some, d, compareDigests)
		return found
	}
	block := sort.Search(len(s.firsts), func(i int) bool { return compareDigests(s.firsts[i], d) > 0 }) - 1
	if block < 0 {
		return false
	}
	var buf [blockDigests * digestSize]byte
	n, err := s.f.ReadAt(buf[:], int64(block*len(buf)))
	if err != nil && err != io.EOF {
		s.failed.CompareAndSwap(nil, &err)
		return false
	}
	n /= digestSize
	at := sort.Search(n, func(i int) bool { return bytes.Compare(buf[i*digestSize:(i+1)*digestSize], d[:]) >= 0 })
	return at < n && digest(buf[at*digestSize:(at+1)*digestSize]) == d
}

// Close frees the file, and returns why answers of Holds may have been wrong.
func (s *Set) Close() (err error) {
	if failed := s.failed.Load(); failed != nil {
		err = fmt.Errorf("look up a key in a file: %w", *failed)
	}
	if s.f != nil {
		err = errors.Join(err, s.f.Close())
	}
	return err
}

// A run is a part of the file that is sorted. None is empty.
type run struct {
	r     *bufio.Reader
	first digest
}

// next goes on to the next digest; io.EOF: there is none.
func (r *run) next() error {
	_, err := io.ReadFull(r.r, r.first[:])
	return err
}
