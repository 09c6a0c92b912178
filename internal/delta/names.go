package delta

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Names are those of a delta. They may be asked for by many goroutines.
type Names interface {
	// From returns the names of a database in byte order, each once, from start on; nil: all.
	From(db int, start []byte) (Cursor, error)
	// Bounds returns names, in byte order, that divide those of a database into up to n parts of
	// about the same number.
	Bounds(db, n int) ([][]byte, error)
}

// A Cursor hands out names. It is for one goroutine.
type Cursor interface {
	// Next returns the next name, valid until the next call, and io.EOF at the end.
	Next() (Name, error)
	Close()
}

// A Name is one of a delta.
type Name struct {
	Key []byte
	// Unlisted says why the streams whose names begin with Key cannot be listed (reader.Unlisted);
	// then it is none itself. Empty: it is a name.
	Unlisted string

	hidden string // why nobody knows whether the source has it; empty: it finds what it has
}

// Sorted are names that stand in byte order without repetition, by database.
type Sorted map[int][][]byte

func (s Sorted) From(db int, start []byte) (Cursor, error) {
	all := s[db]
	i, _ := slices.BinarySearchFunc(all, start, bytes.Compare)
	return &sortedCursor{all[i:]}, nil
}

// leastNames is of how many names a part is made at least: each costs a chunk of each type.
const leastNames = 20_000

func (s Sorted) Bounds(db, n int) ([][]byte, error) {
	return quantiles(s[db], min(n, 1+len(s[db])/leastNames)), nil
}

type sortedCursor struct{ rest [][]byte }

func (c *sortedCursor) Next() (Name, error) {
	if len(c.rest) == 0 {
		return Name{}, io.EOF
	}
	n := Name{Key: c.rest[0]}
	c.rest = c.rest[1:]
	return n, nil
}

func (*sortedCursor) Close() {}

// quantiles returns up to n-1 of names, which are in order, at the same distance.
func quantiles(names [][]byte, n int) (bounds [][]byte) {
	for i := 1; i < n; i++ {
		at := names[min(i*len(names)/n, max(0, len(names)-1)):]
		if len(at) > 0 && len(at[0]) > 0 && (bounds == nil || bytes.Compare(bounds[len(bounds)-1], at[0]) < 0) {
			bounds = append(bounds, at[0])
		}
	}
	return bounds
}

// Differing returns the names that Comparisons have written, of whatever type.
func Differing(a *archive.Archive) Names { return differing{a} }

type differing struct{ a *archive.Archive }

func (d differing) From(db int, start []byte) (Cursor, error) {
	c := &differingCursor{d.a.Names(db, start), d.a.SkippedKeys(db, format.TypeStream, start)}
	if err := errors.Join(c.names.Next(), c.nextUnlisted()); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (d differing) Bounds(db, n int) ([][]byte, error) {
	names := int64(0)
	for _, t := range d.a.Manifest.Totals {
		if t.DB == db {
			names += t.Deleted
		}
	}
	if n = min(n, int(1+names/leastNames)); n == 1 {
		return nil, nil
	}
	all, err := d.a.FrameKeys(db)
	slices.SortFunc(all, bytes.Compare)
	return quantiles(all, n), err
}

// A differingCursor merges names and the beginnings of unlisted ones.
type differingCursor struct {
	names    *archive.NameCursor
	unlisted *archive.SkippedCursor
}

func (c *differingCursor) nextUnlisted() error {
	for {
		err := c.unlisted.Next()
		if k := c.unlisted.At(); err != nil || k == nil || k.Reason == string(reader.Unlisted) {
			return err
		}
	}
}

func (c *differingCursor) Next() (Name, error) {
	switch name, s := c.names.At(), c.unlisted.At(); {
	case s != nil && (name == nil || bytes.Compare(s.Key, name) <= 0):
		return Name{Key: s.Key, Unlisted: s.Detail}, c.nextUnlisted()
	case name != nil:
		return Name{Key: name}, c.names.Next()
	}
	return Name{}, io.EOF
}

func (c *differingCursor) Close() { c.names.Close() }
