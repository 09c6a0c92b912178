package reader

import (
	"context"
	"time"
)

// A Pacer says when the next pipeline may go, for all passes together. Its methods are called from
// many goroutines.
type Pacer interface {
	// Wait returns when a pipeline may go, and how long that took.
	Wait(ctx context.Context) (time.Duration, error)
	// Done says what a pipeline brought: so many keys, bytes of replies, and after how long.
	Done(keys, bytes int, took time.Duration)
}

// unpaced lets every pipeline go at once.
type unpaced struct{}

func (unpaced) Wait(context.Context) (time.Duration, error) { return 0, nil }

func (unpaced) Done(int, int, time.Duration) {}
