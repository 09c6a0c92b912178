package verify

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// slowServer holds long strings of x. It counts the bytes that are asked for at the same time.
type slowServer struct {
	mu        *sync.Mutex
	now, most *int64
}

func (s slowServer) Close() error { return nil }

func (s slowServer) Ask(_ context.Context, qs []*question.Question) error {
	size := int64(0)
	for _, q := range qs {
		size += int64(q.Size)
	}
	s.mu.Lock()
	*s.now += size
	*s.most = max(*s.most, *s.now)
	s.mu.Unlock()
	time.Sleep(time.Second) // all that may ask meanwhile do
	for _, q := range qs {
		q.Values = append(q.Values, strings.Repeat("x", q.Size))
	}
	s.mu.Lock()
	*s.now -= size
	s.mu.Unlock()
	return nil
}

// TestBudget: what is asked for at once does not grow with the number of connections, and a
// question that is larger than all of it is asked alone.
func TestBudget(t *testing.T) {
	for _, tc := range []struct{ budget, value, most int64 }{
		{8 << 20, 30 << 20, 8 << 20}, {8 << 20, 3 << 20, 8 << 20}, {1 << 20, 3 << 20, 3 << 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var now, most int64
			tally := &Tally{}
			o := Options{Budget: archive.NewMemory(tc.budget), Report: func(d Difference) { t.Errorf("%+v", d) }}
			var g errgroup.Group
			for i := range 16 {
				g.Go(func() error {
					c := NewChecker(slowServer{&mu, &now, &most}, 0, &o, tally)
					list := []*format.Record{str(fmt.Sprint(i), strings.Repeat("x", int(tc.value)))}
					_, err := c.Check(t.Context(), &records{list: list}, nil, false)
					return err
				})
			}
			if err := g.Wait(); err != nil || tally.Keys() != 16 {
				t.Errorf("%d keys, %v", tally.Keys(), err)
			}
			if most > tc.most || most < tc.most/2 {
				t.Errorf("%d bytes at once of a budget of %d, want up to %d", most, tc.budget, tc.most)
			}
		})
	}
}
