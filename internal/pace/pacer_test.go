package pace

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// fakeClock moves on only by sleeping.
type fakeClock struct {
	mu     sync.Mutex
	t      time.Time
	slept  []time.Duration
	onTick func() // before each sleep
}

func newFakeClock(hour, minute int) *fakeClock {
	return &fakeClock{t: time.Date(2026, 3, 14, hour, minute, 0, 0, time.UTC)}
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *fakeClock) sleep(ctx context.Context, d time.Duration) error {
	if c.onTick != nil {
		c.onTick()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	c.slept = append(c.slept, d)
	return nil
}

func wait(t *testing.T, p *Pacer) time.Duration {
	t.Helper()
	d, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRate: flights of any size come to the rate, whichever of the two is reached first.
func TestRate(t *testing.T) {
	for _, tc := range []struct {
		name        string
		o           Options
		keys, bytes int
		perFlight   time.Duration
	}{
		{"no limit", Options{}, 1000, 1000, 0},
		{"keys", Options{Keys: 100}, 50, 1 << 20, time.Second / 2},
		{"bytes", Options{Bytes: 1 << 10}, 1, 64 << 10, 64 * time.Second},
		{"keys before bytes", Options{Keys: 10, Bytes: 1 << 20}, 20, 10, 2 * time.Second},
		{"bytes before keys", Options{Keys: 1 << 20, Bytes: 1000}, 20, 3000, 3 * time.Second},
		{"one a second", Options{Keys: 1}, 5, 5, 5 * time.Second},
		{"a piece of a key", Options{Keys: 1}, 0, 1 << 20, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock := newFakeClock(12, 0)
			p := newPacer(tc.o, clock)
			start := clock.now()
			const flights = 40
			for range flights {
				wait(t, p)
				p.Done(tc.keys, tc.bytes, time.Millisecond)
			}
			wait(t, p)
			// A quarter of a second is in the bucket at the start, and one key at least.
			got, want := clock.now().Sub(start), flights*tc.perFlight
			if got > want || got < want-max(time.Second/4, tc.perFlight/5)-time.Millisecond {
				t.Errorf("%d flights took %v, want %v", flights, got, want)
			}
		})
	}
}

// TestRateOfAll: goroutines share the rate.
func TestRateOfAll(t *testing.T) {
	clock := newFakeClock(12, 0)
	p := newPacer(Options{Keys: 1000}, clock)
	start := clock.now()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if _, err := p.Wait(context.Background()); err != nil {
					t.Error(err)
				}
				p.Done(100, 0, 0)
			}
		})
	}
	all.Wait()
	wait(t, p)
	if got := clock.now().Sub(start); got < 79*time.Second {
		t.Errorf("80,000 keys at 1,000 a second took %v", got)
	}
}

func TestWindowPause(t *testing.T) {
	night, err := ParseWindow("23:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	clock := newFakeClock(5, 59)
	var said []string
	p := newPacer(Options{Windows: []Window{night}, Say: func(s string) { said = append(said, s) }}, clock)
	if d := wait(t, p); d != 0 || said != nil {
		t.Errorf("inside of the window: waited %v, said %q", d, said)
	}
	_ = clock.sleep(t.Context(), time.Minute)
	if d := wait(t, p); d != 17*time.Hour {
		t.Errorf("waited %v from %v", d, clock.now())
	}
	if d := wait(t, p); d != 0 {
		t.Errorf("at the start of the window: waited %v", d)
	}
	if want := []string{"paused until 23:00: it is outside of --window", "going on"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	for _, d := range clock.slept {
		if d > pauseStep {
			t.Fatalf("slept for %v without looking at the clock", d)
		}
	}
}

func TestPauseEnds(t *testing.T) {
	night, _ := ParseWindow("23:00-06:00")
	clock := newFakeClock(12, 0)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	clock.onTick = func() { cancel(stop) }
	if _, err := newPacer(Options{Windows: []Window{night}}, clock).Wait(ctx); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}
