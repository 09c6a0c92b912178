package resp

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

// giantReply is a bulk string of 5 MiB.
var giantReply = "$5242880\r\n" + strings.Repeat("v", 5<<20) + "\r\n"

const giantSize = 5<<20 + 12

// TestMemory: connections that share memory do not hold more giants at once than it has room for,
// small replies go on meanwhile, and all come.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(2 * giantSize)
		var now, most atomic.Int64
		var g errgroup.Group
		for range 7 {
			g.Go(func() error {
				h := m.Hold()
				h.Context = t.Context()
				b := Buffer{Hold: &h}
				for range 3 {
					if err := b.Fill(strings.NewReader(giantReply), 1); err != nil {
						return err
					}
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second) // all that may go on meanwhile do
					now.Add(-1)
					b.Reset()
				}
				return nil
			})
		}
		g.Go(func() error {
			h := m.Hold()
			b := Buffer{Hold: &h}
			return b.Fill(strings.NewReader("+OK\r\n"), 1)
		})
		if err := g.Wait(); err != nil || most.Load() != 2 || !m.free.TryAcquire(m.size) || m.used != 0 {
			t.Errorf("%d of 7 at once, want 2; %d bytes are held; %v", most.Load(), m.used, err)
		}
	})
}

// TestMemorySecond: connections that hold a giant each and need another do not wait for one
// another for ever, and only one at a time goes beyond the memory.
func TestMemorySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(2 * giantSize)
		var most int64
		var g errgroup.Group
		for range 5 {
			g.Go(func() error {
				h := m.Hold()
				h.Context = t.Context()
				defer h.Close()
				b := [2]Buffer{{Hold: &h}, {Hold: &h}}
				for i := range b {
					if err := b[i].Fill(strings.NewReader(giantReply+giantReply), 2); err != nil {
						return err
					}
					time.Sleep(time.Second)
					m.mu.Lock()
					most = max(most, m.used)
					m.mu.Unlock()
				}
				b[0].Reset()
				b[1].Reset()
				return nil
			})
		}
		if err := g.Wait(); err != nil || most > 5*giantSize || m.used != 0 {
			t.Errorf("%d bytes at once, %d are held; %v", most, m.used, err)
		}
		if !m.free.TryAcquire(m.size) || !m.over.TryAcquire(1) {
			t.Error("something is still held")
		}
	})
}

// TestMemoryCancelled: what waits for memory ends with its context, and holds nothing then.
func TestMemoryCancelled(t *testing.T) {
	m, cause := NewMemory(giantSize), errors.New("enough")
	first := m.Hold()
	b := Buffer{Hold: &first}
	if err := b.Fill(strings.NewReader(giantReply), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	h := m.Hold()
	h.Context = ctx
	c := Buffer{Hold: &h}
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, giantReply[:64])
		cancel(cause)
	}()
	if err := c.Fill(r, 1); !errors.Is(err, cause) || c.Giant() {
		t.Error(err)
	}
	c.Reset()
	b.Reset()
	if !m.free.TryAcquire(m.size) || m.used != 0 {
		t.Errorf("%d bytes are still held", m.used)
	}
}
