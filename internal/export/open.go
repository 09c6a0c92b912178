package export

import (
	"context"
	"fmt"

	"filippo.io/age"

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
	members, err := archive.ChainUpTo(ctx, location, identities...)
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	return archive.OpenChain(ctx, base, members, 0, identities...)
}
