package archive

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// A Memory bounds how many bytes of giant records the UnitSources that share it hold at once. Small
// records are not counted: each source has one frame of them.
type Memory struct {
	size int64
	free *semaphore.Weighted
}

// GiantBytes is what a run gives to giant records: frames and content of two of 16 MiB.
const GiantBytes = 64 << 20

// NewMemory returns a Memory of so many bytes. One record that is larger has all of it.
func NewMemory(bytes int64) *Memory { return &Memory{bytes, semaphore.NewWeighted(bytes)} }

// A hold is what one UnitSource has of a Memory.
type hold struct {
	ctx    context.Context
	memory *Memory
	bytes  int64
}

// set gives back what it has, and waits for so many bytes.
func (h *hold) set(bytes int64) error {
	if h == nil {
		return nil
	}
	if h.bytes > 0 {
		h.memory.free.Release(h.bytes)
		h.bytes = 0
	}
	if bytes = min(bytes, h.memory.size); bytes == 0 {
		return nil
	}
	if err := h.memory.free.Acquire(h.ctx, bytes); err != nil {
		return context.Cause(h.ctx)
	}
	h.bytes = bytes
	return nil
}
