package pace

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
			synctest.Test(t, func(t *testing.T) {
				p, start := New(tc.o), time.Now()
				const flights = 40
				for range flights {
					wait(t, p)
					p.Done(tc.keys, tc.bytes, time.Millisecond)
				}
				wait(t, p)
				// A quarter of a second is in the bucket at the start, and one key at least.
				got, want := time.Since(start), flights*tc.perFlight
				if got > want || got < want-max(time.Second/4, tc.perFlight/5)-time.Millisecond {
					t.Errorf("%d flights took %v, want %v", flights, got, want)
				}
			})
		})
	}
}

// TestRateOfAll: goroutines share the rate.
func TestRateOfAll(t *testing.T) { synctest.Test(t, testRateOfAll) }

func testRateOfAll(t *testing.T) {
	p, start := New(Options{Keys: 1000}), time.Now()
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
	if got := time.Since(start); got < 79*time.Second {
		t.Errorf("80,000 keys at 1,000 a second took %v", got)
	}
}

// sleeps counts how often it is waited for.
type sleeps struct {
	context.Context
	n int
}

func (s *sleeps) Done() <-chan struct{} {
	s.n++
	return s.Context.Done()
}

func TestWindowPause(t *testing.T) { synctest.Test(t, testWindowPause) }

func testWindowPause(t *testing.T) {
	night, err := ParseWindow("23:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	time.Sleep(time.Date(now.Year(), now.Month(), now.Day()+1, 5, 59, 0, 0, now.Location()).Sub(now))
	var said []string
	p := New(Options{Windows: []Window{night}, Say: func(s string) { said = append(said, s) }})
	if d := wait(t, p); d != 0 || said != nil {
		t.Errorf("inside of the window: waited %v, said %q", d, said)
	}
	time.Sleep(time.Minute)
	looks := &sleeps{Context: t.Context()}
	if d, err := p.Wait(looks); d != 17*time.Hour || err != nil {
		t.Errorf("waited %v until %v, %v", d, time.Now(), err)
	}
	if d := wait(t, p); d != 0 {
		t.Errorf("at the start of the window: waited %v", d)
	}
	if want := []string{"paused until 23:00: it is outside of --window", "going on"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if want := int(17 * time.Hour / pauseStep); looks.n < want {
		t.Errorf("looked at the clock %d times in 17 hours, want %d", looks.n, want)
	}
}

func TestPauseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		time.Sleep(time.Date(now.Year(), now.Month(), now.Day()+1, 12, 0, 0, 0, now.Location()).Sub(now))
		night, _ := ParseWindow("23:00-06:00")
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		if _, err := New(Options{Windows: []Window{night}}).Wait(ctx); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}
