package archive

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// A Memory bounds how many bytes all that share it hold at once: of giant records, or of what is
// read to be compared with them. Small records are not counted: each source has one frame of them.
type Memory struct {
	size int64
	free *semaphore.Weighted
}

// GiantBytes is what a run gives to giant records: frames and content of two of 16 MiB.
const GiantBytes = 64 << 20

// NewMemory returns a Memory of so many bytes. What is larger by itself has all of it.
func NewMemory(bytes int64) *Memory { return &Memory{bytes, semaphore.NewWeighted(bytes)} }

// Take waits until so many bytes are free, and returns what gives them back. Nil has no bound.
func (m *Memory) Take(ctx context.Context, bytes int64) (release func(), err error) {
	if m == nil {
		return func() {}, nil
	}
	bytes = min(bytes, m.size)
	if err := m.free.Acquire(ctx, bytes); err != nil {
		return nil, context.Cause(ctx)
	}
	return func() { m.free.Release(bytes) }, nil
}

// A hold is what one UnitSource has of a Memory.
type hold struct {
	ctx     context.Context
	memory  *Memory
	release func() // nil: it has nothing
}

// set gives back what it has, and waits for so many bytes.
func (h *hold) set(bytes int64) (err error) {
	if h == nil {
		return nil
	}
	if h.release != nil {
		h.release()
		h.release = nil
	}
	if bytes > 0 {
		h.release, err = h.memory.Take(h.ctx, bytes)
	}
	return err
}
