package load

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A source reads a unit from some record on, leaves out the keys that the user does not want, and
// counts the bytes read. Only records that are wanted have numbers.
type source struct {
	*archive.UnitSource
	t       *transfer
	part    *progress.Counter // of its unit; the bytes of chunk files that were read are its work
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

// open opens a unit at a position. Last is told of the records before it.
func (t *transfer) open(ctx context.Context, u archive.Unit, p journal.Position, last func(*format.Record)) (*source, error) {
	a, s := t.Feed.Archive(), &source{t: t, part: t.part(u)}
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
	s.Bound(ctx, t.giants)
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
			s.t.moved.Add(1)
		}
		if err != nil {
			return nil, err
		}
		if r.Kind == format.Deleted || s.t.Keep != nil && !s.t.Keep(r.Key) {
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
