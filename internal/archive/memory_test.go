package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestMemory: sources that share memory do not hold more giant records at once than it has room
// for, small records go on meanwhile, and what waits ends with its context.
func TestMemory(t *testing.T) {
	const giantBytes = 3 << 20
	dir, units := giants(t, 8, giantBytes)
	a, err := Open(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(2*2*giantBytes + 1<<10) // of a frame and its content, twice
		var now, most atomic.Int64
		var g errgroup.Group
		for _, u := range a.Units(func(format.ChunkInfo) bool { return true }) {
			g.Go(func() error {
				src := a.OpenUnit(u)
				defer src.Close()
				src.Bound(t.Context(), m)
				for {
					r, err := src.Next()
					if err == io.EOF {
						return nil
					}
					if err != nil {
						return err
					}
					if len(r.Value) < giantBytes {
						continue
					}
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second) // all that may read meanwhile do
					now.Add(-1)
				}
			})
		}
		if err := g.Wait(); err != nil || most.Load() != 2 {
			t.Errorf("%d of %d at once, want 2; %v", most.Load(), units, err)
		}
	})
	m, cause := NewMemory(1), errors.New("enough")
	if err := (&hold{ctx: t.Context(), memory: m}).set(5); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	src := a.OpenUnit(a.Units(func(c format.ChunkInfo) bool { return c.Raw > giantBytes })[0])
	defer src.Close()
	src.Bound(ctx, m)
	for err == nil {
		_, err = src.Next()
	}
	if !errors.Is(err, cause) {
		t.Error(err)
	}
}

// giants makes a dump of chunks with a small record and a giant one each.
func giants(t *testing.T, n, size int) (dir string, units int) {
	t.Helper()
	dir = t.TempDir() + "/dump"
	o := format.Options{Databases: []int{0}, Types: format.Types}
	w, err := Create(t.Context(), dir, format.NewInfo("test", time.Now(), format.Source{Address: "a:1", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}, o), Options{ChunkBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	seg := w.Segment(0, format.TypeString, nil)
	for i := range n {
		for _, value := range [][]byte{[]byte("small"), make([]byte, size)} {
			key := fmt.Appendf(nil, "k%02d-%09d", i, len(value))
			if err := seg.Record(&format.Record{Kind: format.String, Key: key, Part: format.PartWhole, Value: value}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := seg.Close(nil); err != nil {
		t.Fatal(err)
	}
	for _, typ := range format.Types[1:] {
		if err := w.Segment(0, typ, nil).Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
	return dir, n
}
