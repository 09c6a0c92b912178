package export

import (
	"context"
	"encoding/json"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// Inspect writes what the manifest of a dump says, or those of the finished deltas of a chain: for
// people, or as JSON as they are, of a chain an array.
func (s *Source) Inspect(ctx context.Context, w io.Writer, asJSON bool) error {
	chain, err := archive.IsChain(ctx, s.Location)
	members := []archive.Member{{Location: s.Location, Finished: true}}
	if err == nil && chain {
		if members, err = archive.Chain(ctx, s.Location, s.Identities...); err != nil {
			return err
		}
	}
	all, unfinished := []*format.Manifest{}, 0
	for _, m := range members {
		if !m.Finished {
			unfinished = m.Number
			continue
		}
		a, err := archive.OpenAny(ctx, m.Location, 0, s.Identities...)
		if err != nil {
			return err
		}
		if !asJSON {
			a.Manifest.Chunks = nil // of a long chain they would be many
		}
		all = append(all, a.Manifest)
		a.Close()
	}
	columns := min(80, progress.Width(w))
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	switch {
	case asJSON && chain:
		return enc.Encode(all)
	case asJSON:
		return enc.Encode(all[0])
	case chain:
		report.Chain(w, all, unfinished, columns)
	default:
		report.Dump(w, all[0], columns)
	}
	return nil
}
