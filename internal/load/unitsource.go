package load

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// counts are of all sources of a transfer.
type counts struct {
	moved atomic.Int64 // grows as long as anything goes on

	giants *archive.Memory
}

// A source reads a unit from some record on, leaves out the keys that the user does not want, and
// counts the bytes read. Only records that are wanted have numbers.
type source struct {
	*archive.UnitSource
	*counts
	part    *progress.Counter // of its unit; the bytes of chunk files that were read are its work
	keep    func([]byte) bool // nil: all keys are wanted
	before  int64             // bytes of the chunks that were skipped
	counted int64             // bytes of the others that were read
	records int64             // handed out, or before the beginning
	chunks  []start           // begun so far
}

// A start is the number of the first record of a chunk.
type start struct {
	chunk  string
	record int64
}

// lookedBehind is of how many records before a checkpoint the keys are looked for.
const lookedBehind = 64

// openSource opens a unit at a position. Last is told of the records before it.
func openSource(ctx context.Context, a *archive.Archive, u archive.Unit, p journal.Position, keep func([]byte) bool, c *counts, part *progress.Counter, last func(*format.Record)) (*source, error) {
	s := &source{keep: keep, counts: c, part: part}
	skip := p.Record
	if p.Chunk == "" {
		s.UnitSource = a.OpenUnit(u)
	} else {
		var err error
		if s.UnitSource, err = a.OpenUnitAt(u, p.Chunk); err != nil {
			return nil, err
		}
		skip = p.In
		s.records = p.Record - p.In
		for _, c := range u {
			if c.Name == p.Chunk {
				break
			}
			s.before += c.Size
		}
	}
	s.Bound(ctx, c.giants)
	s.part.Add(0, 0, s.before)
	for i := range skip {
		r, err := s.Next()
		if err != nil {
			s.forget()
			return nil, fmt.Errorf("go on after record %d of %s: %w", p.Record, u[0].Name, err)
		}
		if skip-i <= lookedBehind {
			last(r)
		}
	}
	return s, nil
}

// Next returns the next record that is wanted.
func (s *source) Next() (*format.Record, error) {
	for {
		r, err := s.UnitSource.Next()
		if now := s.UnitSource.Read(); now != s.counted {
			s.part.Add(0, 0, now-s.counted)
			s.counted = now
			s.moved.Add(1)
		}
		if err != nil {
			return nil, err
		}
		if r.Kind == format.Deleted || s.keep != nil && !s.keep(r.Key) {
			continue
		}
		if n := len(s.chunks); n == 0 || s.chunks[n-1].chunk != s.Chunk() {
			s.chunks = append(s.chunks, start{s.Chunk(), s.records})
		}
		s.records++
		return r, nil
	}
}

// forget closes a source whose unit will be read again.
func (s *source) forget() {
	s.part.Add(0, 0, -s.before-s.counted)
	s.Close()
}

// place returns in which chunk a record lies, and how many wanted ones are before it there.
func (s *source) place(record int64) (chunk string, in int64) {
	for i := len(s.chunks) - 1; i >= 0; i-- {
		if c := s.chunks[i]; c.record <= record {
			return c.chunk, record - c.record
		}
	}
	return "", 0
}
