package resp

import (
	"context"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// A Memory bounds how many bytes of giant replies, above 4 MiB, the connections that share it hold
// at once.
type Memory struct {
	size int64
	free *semaphore.Weighted
	// over is had by the one Hold that may have more than there is: see Hold.
	over *semaphore.Weighted

	mu      sync.Mutex
	used    int64
	garbage int64 // given back since it was collected last
}

// NewMemory returns a Memory of so many bytes. One reply that is larger has all of it.
func NewMemory(bytes int64) *Memory {
	return &Memory{size: bytes, free: semaphore.NewWeighted(bytes), over: semaphore.NewWeighted(1)}
}

// use counts what is taken, and collects what was given back before both are more than there is:
// the runtime would let the heap grow by several giants first.
func (m *Memory) use(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used += bytes; m.garbage > 0 && m.used+m.garbage > m.size {
		runtime.GC()
		m.garbage = 0
	}
}

// waste counts what is given back.
func (m *Memory) waste(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= bytes
	m.garbage += bytes
}

// A Hold is what one connection has of a Memory. One that has nothing waits until there is enough.
// One that needs more than it has, because a pipeline brings a second giant, must not wait for
// others that do so, too: it goes beyond what there is, one connection at a time. The zero Hold is
// not bounded. It is for one goroutine.
type Hold struct {
	Copies  int64           // how many times a reply is in memory until it is handed over; 0: once
	Context context.Context // ends the wait
	Waited  time.Duration   // so far

	memory *Memory
	total  int64 // asked for
	taken  int64 // of the memory
	beyond bool
}

// Hold returns one that has nothing.
func (m *Memory) Hold() Hold { return Hold{memory: m} }

// take waits for n bytes more.
func (h *Hold) take(n int64) error {
	if h == nil || h.memory == nil {
		return nil
	}
	m := h.memory
	total := h.total + n*max(1, h.Copies)
	more := min(total, m.size) - h.taken
	if more > 0 && !h.beyond && !m.free.TryAcquire(more) {
		start := time.Now()
		var err error
		if h.taken == 0 {
			err = m.free.Acquire(h.Context, more)
		} else {
			err = m.over.Acquire(h.Context, 1)
			h.beyond, more = err == nil, 0
		}
		h.Waited += time.Since(start)
		if err != nil {
			return context.Cause(h.Context)
		}
	} else if h.beyond {
		more = 0
	}
	h.memory.use(total - h.total)
	h.total = total
	h.taken += max(0, more)
	return nil
}

// give gives back n bytes. What was taken goes back when nothing is held any more.
func (h *Hold) give(n int64) {
	if h == nil || h.memory == nil {
		return
	}
	n *= max(1, h.Copies)
	if n >= h.total {
		h.Close()
		return
	}
	h.total -= n
	h.memory.waste(n)
}

// Close gives all back. The buffers that hold it are not used any more.
func (h *Hold) Close() {
	if h.total > 0 {
		h.memory.waste(h.total)
	}
	if h.taken > 0 {
		h.memory.free.Release(h.taken)
	}
	if h.beyond {
		h.memory.over.Release(1)
	}
	h.total, h.taken, h.beyond = 0, 0, false
}
