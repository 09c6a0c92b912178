package verify

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// A Budget bounds how many bytes of answers all Checkers that share it hold at once. Nil sets no
// bound.
type Budget struct {
	size int64
	free *semaphore.Weighted
}

// NewBudget returns a Budget of so many bytes. One question that is larger has all of it.
func NewBudget(bytes int64) *Budget { return &Budget{bytes, semaphore.NewWeighted(bytes)} }

// take waits until so many bytes are free, and returns what gives them back.
func (b *Budget) take(ctx context.Context, bytes int64) (release func(), err error) {
	if b == nil {
		return func() {}, nil
	}
	bytes = min(bytes, b.size)
	if err := b.free.Acquire(ctx, bytes); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { b.free.Release(bytes) }, nil
}
