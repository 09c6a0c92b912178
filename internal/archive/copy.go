package archive

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Copy writes the records of a unit to a segment, of the keys that keep accepts, nil for all,
// and the skipped keys that lacks accepts. It reads all: a chunk may be damaged at its end.
func (a *Archive) Copy(ctx context.Context, s *Segment, u Unit, keep func(key []byte) bool, lacks func(format.SkippedKey) bool) error {
	var skipped []format.SkippedKey
	for _, c := range u {
		keys, err := a.SkippedIn(c)
		if err != nil {
			return err
		}
		skipped = append(skipped, slices.DeleteFunc(keys, func(k format.SkippedKey) bool { return !lacks(k) })...)
	}
	slices.SortStableFunc(skipped, func(x, y format.SkippedKey) int { return bytes.Compare(x.Key, y.Key) })
	src := a.OpenUnit(u)
	defer src.Close()
	return s.copy(ctx, src, keep, skipped)
}

// copy adds the records of a source of the keys that keep accepts, and the skipped keys, which
// are in order, each before the records of keys behind it.
func (s *Segment) copy(ctx context.Context, from recordSource, keep func(key []byte) bool, skipped []format.SkippedKey) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := from.Next()
		if err != nil && err != io.EOF {
			return err
		}
		if err == nil && keep != nil && !keep(r.Key) {
			continue
		}
		for len(skipped) > 0 && (err == io.EOF || bytes.Compare(skipped[0].Key, r.Key) < 0) {
			if err := s.Skip(skipped[0].Key, skipped[0].Reason, skipped[0].Detail); err != nil {
				return err
			}
			skipped = skipped[1:]
		}
		if err == io.EOF {
			return nil
		}
		if err := s.Record(r); err != nil {
			return err
		}
	}
}
