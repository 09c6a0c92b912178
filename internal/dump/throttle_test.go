package dump

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestPaced: a run within all of its limits ends as any other.
func TestPaced(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	out := newDir(t)
	r := makeDump(t, s.Addr(), out, func(o *Options) {
		o.Limits = pace.Limits{Keys: 1e6, Bytes: 1 << 30, LatencyFactor: 1e5}
		o.Reader.Latency = time.Second
		for _, text := range []string{"00:00-12:00", "12:00-24:00", "08:00-09:00"} {
			w, err := pace.ParseWindow(text)
			if err != nil {
				t.Fatal(err)
			}
			o.Windows = append(o.Windows, w)
		}
	})
	r.ok(t, "the source answers PING in ")
	if strings.Contains(r.log, "paused") {
		t.Error(r.log)
	}
	if m, _ := smallpika.Dumped(t, out); len(m.Totals) == 0 {
		t.Error("the dump is empty")
	}
}

// TestLatencyLost: a source that does not answer when its latency is measured is one to try again.
func TestLatencyLost(t *testing.T) {
	var pings atomic.Int64
	s := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, strings.EqualFold(string(args[0]), "PING") && pings.Add(1) == 6
	}})
	makeDump(t, s.Addr(), newDir(t), func(o *Options) { o.Limits.LatencyFactor = 3 }).
		failed(t, reader.ErrUnavailable, "measure the source's latency", "connection lost at PING")
}

// TestRoom: a source of four threads is read over two connections, and over one for each type when
// it answers quickly all the same. The source answers no listing before so many ask.
func TestRoom(t *testing.T) {
	var asking sync.WaitGroup
	asking.Add(5)
	var began atomic.Bool
	seen := sync.Map{}
	s := smallpika.Start(t, pikasim.Options{Config: map[string]string{"thread-pool-size": "4"}, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if began.Load() && strings.EqualFold(string(args[0]), "PKSCANRANGE") {
			if _, again := seen.LoadOrStore(string(args[1]), true); !again {
				asking.Done()
			}
			asking.Wait()
		}
		return nil, false, false
	}})
	makeDump(t, s.Addr(), newDir(t), func(o *Options) {
		o.ping = func(context.Context) (time.Duration, error) {
			began.Store(true)
			return time.Millisecond, nil
		}
		o.Reader.NoStreams = true
		if err := o.Reader.Check(); err != nil { // as the command does
			t.Fatal(err)
		}
	}).ok(t)
}

// TestNoRoom: a source that answers slowly is read over half of its threads.
func TestNoRoom(t *testing.T) {
	var asking, most atomic.Int64
	s := smallpika.Start(t, pikasim.Options{Config: map[string]string{"thread-pool-size": "4"}, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if strings.EqualFold(string(args[0]), "PKSCANRANGE") {
			n := asking.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(5 * time.Millisecond)
			asking.Add(-1)
		}
		return nil, false, false
	}})
	looks := 0
	makeDump(t, s.Addr(), newDir(t), func(o *Options) {
		o.lookEvery = time.Microsecond
		o.ping = func(context.Context) (time.Duration, error) {
			if looks++; looks <= 7 {
				return time.Millisecond, nil // before anything is read
			}
			return time.Second, nil
		}
	}).ok(t)
	if n := most.Load(); n > 2 {
		t.Errorf("%d read at once", n)
	}
}

// TestRoomVaries: whatever the source's answers have connections do, every key is read once.
func TestRoomVaries(t *testing.T) {
	s := smallpika.StartEmpty(t, pikasim.Options{Config: map[string]string{"thread-pool-size": "4"}})
	c := smallpika.Client(t, s.Addr())
	for i := range 3000 {
		if err := c.Set(t.Context(), fmt.Sprintf("s%04d", i), "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			if err := c.SAdd(t.Context(), fmt.Sprintf("t%04d", i), "v").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, looks := newDir(t), 0
	makeDump(t, s.Addr(), out, func(o *Options) {
		o.Reader.PageKeys, o.SplitKeys, o.lookEvery = 20, 100, time.Microsecond
		o.ping = func(context.Context) (time.Duration, error) {
			looks++
			return []time.Duration{time.Millisecond, time.Second}[looks/10%2], nil
		}
	}).ok(t)
	_, keys := smallpika.Dumped(t, out)
	for typ, want := range map[format.Type]int{format.TypeString: 3000, format.TypeSet: 300} {
		got := keys[typ]
		slices.Sort(got)
		if len(got) != want || len(slices.Compact(got)) != want {
			t.Errorf("%d keys of type %s, want %d", len(got), typ, want)
		}
	}
}
