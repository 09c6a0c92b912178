package export

import (
	"context"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// A Source is a dump of which something is shown.
type Source struct {
	Location   string // of a dump or a delta, or with a Base of a chain
	Base       string // what is shown is what it amounts to with the chain, or its deltas up to the one there
	Identities []age.Identity
	Summary    *summary.Summary // is told which dump it is
	Log        io.Writer        // whose records say it
}

// Open opens it, and says in the summary and in the records which dump it is.
func (s *Source) Open(ctx context.Context) (*archive.Archive, error) {
	a, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	logging.SetDump(s.Log, a.Manifest.Dump)
	s.Summary.Of(a.Manifest, a.Path())
	return a, nil
}

func (s *Source) open(ctx context.Context) (*archive.Archive, error) {
	if s.Base == "" {
		return archive.OpenAny(ctx, s.Location, 0, s.Identities...)
	}
	members, err := archive.ChainUpTo(ctx, s.Location, s.Identities...)
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	return archive.OpenChain(ctx, s.Base, members, 0, s.Identities...)
}

// Count counts what is in it, as a phase of a meter. The archive stays open.
func (s *Source) Count(ctx context.Context, workers int, m *progress.Meter, phase string) (*archive.Archive, *stats.Stats, error) {
	a, err := s.Open(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer m.Begin(phase, workers)()
	done := Watch(m, a.Units(func(format.ChunkInfo) bool { return true }))
	counted, err := stats.Run(ctx, stats.Options{Archive: a, Workers: workers, Done: done})
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	s.Summary.Hold(a.Manifest.Totals)
	s.Summary.Finished = true
	return a, counted, nil
}

// Show writes keys of it to w, as the options say: those for which write asks.
func (s *Source) Show(ctx context.Context, w io.Writer, o Options, write func(*Exporter) error) error {
	a, err := s.Open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	x, err := New(ctx, a, w, o)
	if err != nil {
		return err
	}
	return x.Conclude(s.Summary, write(x))
}
