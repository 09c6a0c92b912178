package loadchain

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// undo returns where delta n saves what it takes away: in a place of its own, which no run before
// has begun to fill. The journal of one that was stopped knows its place.
func (f *follower) undo(ctx context.Context, n int, state memberState) (string, error) {
	if f.Undo == "" || state == stopped || state == loaded {
		return "", nil
	}
	for try := 1; ; try++ {
		place := archive.DeltaPath(f.Undo, n)
		if try > 1 {
			place = storage.Join(f.Undo, fmt.Sprintf("%06d-%d", n, try))
		}
		err := archive.CanCreate(ctx, place, storage.Options{BreakLock: f.BreakLock})
		if !errors.Is(err, archive.ErrExists) {
			return place, err
		}
	}
}
