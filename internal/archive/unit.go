package archive

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A Unit is what one worker loads alone: a chunk, or chunks of which each but the last
// ends inside a key, whose parts must stay in order.
type Unit []format.ChunkInfo

// Units returns the chunks that keep accepts, as units, in the order of the manifest.
func (a *Archive) Units(keep func(format.ChunkInfo) bool) []Unit {
	var units []Unit
	for _, c := range a.Manifest.Chunks {
		if !keep(c) {
			continue
		}
		if n := len(units); c.Continues && n > 0 {
			units[n-1] = append(units[n-1], c)
		} else {
			units = append(units, Unit{c})
		}
	}
	return units
}

// Stored returns the bytes of the unit's files.
func (u Unit) Stored() (n int64) {
	for _, c := range u {
		n += c.Size
	}
	return n
}

// ExpectIn adds the unit to what is expected of a part; its keys, unless some only are chosen.
func (u Unit) ExpectIn(part *progress.Counter, some bool) {
	part.Expect(u.Stored())
	for _, c := range u {
		if !some {
			part.ExpectKeys(c.Keys)
		}
	}
}

// LargestFirst returns the units in another order: those with the most bytes come first.
func LargestFirst(units []Unit) []Unit {
	units = slices.Clone(units)
	slices.SortStableFunc(units, func(x, y Unit) int { return cmp.Compare(y.Stored(), x.Stored()) })
	return units
}

// SHA256 is of all that the unit consists of.
func (u Unit) SHA256() string {
	if len(u) == 1 {
		return u[0].SHA256
	}
	h := sha256.New()
	for _, c := range u {
		io.WriteString(h, c.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A recordSource reads the records of one chunk, as a ChunkSource does.
type recordSource interface {
	Next() (*format.Record, error)
	Read() int64
	Close() error
}

// A UnitSource reads the records of a unit, one chunk after the other.
type UnitSource struct {
	a     *Archive
	rest  Unit
	src   recordSource
	chunk string
	read  int64 // bytes of chunks that are done
	hold  *hold // nil: memory is not bounded
}

// Bound lets Next wait before a giant record until the memory has room for it. While a source holds
// one, its goroutine must not read another source that is bound by the same memory.
func (s *UnitSource) Bound(ctx context.Context, m *Memory) { s.hold = &hold{ctx: ctx, memory: m} }

// OpenUnitAt begins to read a unit with the chunk of that name.
func (a *Archive) OpenUnitAt(u Unit, chunk string) (*UnitSource, error) {
	for i := range u {
		if u[i].Name == chunk {
			return &UnitSource{a: a, rest: u[i:]}, nil
		}
	}
	return nil, fmt.Errorf("the dump has no chunk %s that continues %s", chunk, u[0].Name)
}

// OpenUnit begins to read a unit.
func (a *Archive) OpenUnit(u Unit) *UnitSource { return &UnitSource{a: a, rest: u} }

// Next returns the next record, valid until the next call, and io.EOF at the end.
func (s *UnitSource) Next() (*format.Record, error) {
	for {
		if s.src == nil {
			if len(s.rest) == 0 {
				return nil, io.EOF
			}
			src, err := s.a.openOfUnit(s.rest[0])
			if err != nil {
				return nil, err
			}
			s.src, s.chunk, s.rest = src, s.rest[0].Name, s.rest[1:]
			if c, ok := src.(interface{ reserveGiants(func(int64) error) }); ok && s.hold != nil {
				c.reserveGiants(s.hold.set)
			}
		}
		r, err := s.src.Next()
		if err != io.EOF {
			return r, err
		}
		s.read += s.src.Read()
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
}

// openOfUnit opens a chunk for one of those that read units.
func (a *Archive) openOfUnit(c format.ChunkInfo) (recordSource, error) {
	switch {
	case a.above != nil:
		return a.merged(c, (*Archive).everyRecord)
	case a.frames == nil:
		return a.OpenChunk(c)
	}
	return a.frames.follow(c)
}

// Chunk returns the name of the chunk that the last record came from.
func (s *UnitSource) Chunk() string { return s.chunk }

// Read returns how many bytes of files have been read.
func (s *UnitSource) Read() int64 {
	if s.src != nil {
		return s.read + s.src.Read()
	}
	return s.read
}

// Close closes the file that is open.
func (s *UnitSource) Close() error {
	if s.src == nil {
		return nil
	}
	err := s.src.Close()
	s.src = nil
	return errors.Join(err, s.hold.set(0))
}
