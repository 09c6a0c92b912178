package rollback

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// mustBeWhole reads a delta through, and what its load has saved, with an id if that is known: a
// rollback that has begun and cannot come to its end leaves no way but to clear the target. Empty
// locations are passed over.
func mustBeWhole(ctx context.Context, s *load.Spec, delta, saved, id string) error {
	if delta != "" {
		a, err := archive.OpenAny(ctx, delta, s.Workers, s.Keys.Identities...)
		if err != nil {
			return err
		}
		defer a.Close()
		if err := a.CheckWhole(ctx); err != nil {
			return err
		}
	}
	if saved == "" {
		return nil
	}
	a, err := archive.Open(ctx, saved, s.Workers, s.Keys.Identities...)
	switch {
	case errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrDenied):
		return fmt.Errorf("--undo: %w", err)
	case errors.Is(err, archive.ErrIncomplete):
		return fmt.Errorf("%w: what its load saved with --undo is not there as a whole: %v", exitcode.ErrRefused, err)
	case err != nil:
		return fmt.Errorf("--undo: %w", err)
	}
	defer a.Close()
	if id != "" && a.Manifest.Dump != id {
		return fmt.Errorf("%w: %s holds what another load has saved with --undo (dump %s): this one has saved dump %s; put that back in its place, or say with --undo where it is",
			exitcode.ErrRefused, summary.Place(saved), a.Manifest.Dump, id)
	}
	if err := a.CheckWhole(ctx); err != nil {
		return fmt.Errorf("--undo: %w", err)
	}
	return nil
}
