package export

import (
	"context"
	"fmt"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Open opens a dump or a delta at location, or with a base what that amounts to with the chain
// there, or with its deltas up to the one there.
func Open(ctx context.Context, location, base string, identities ...age.Identity) (*archive.Archive, error) {
	if err := storage.Check(base); err != nil {
		return nil, exitcode.Usagef("--base: %w", err)
	}
	shown := summary.Place(location)
	is, err := archive.IsChain(ctx, location)
	switch {
	case err != nil:
		return nil, err
	case is && base == "":
		return nil, exitcode.Usagef("%s is a chain of deltas: give its base with --base, or one of its deltas, such as %s", shown, summary.Place(archive.DeltaPath(location, 1)))
	case base == "":
		return archive.OpenAny(ctx, location, 0, identities...)
	}
	last := format.MaxDelta
	if !is {
		var ok bool
		if location, last, ok = archive.ParseDeltaPath(location); !ok {
			return nil, exitcode.Usagef("--base is for a chain of deltas, or one of its deltas, and %s is neither", shown)
		}
	}
	members, err := archive.Chain(ctx, location, identities...)
	if err != nil {
		return nil, err
	}
	if !is && last > len(members) {
		return nil, fmt.Errorf("%w: there is no %s", archive.ErrIncomplete, shown)
	}
	return archive.OpenChain(ctx, base, members[:min(last, len(members))], 0, identities...)
}
