package pace

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// pings returns a ping that takes as long as the list says, fails where that is negative, and
// calls end when the list is over.
func pings(end func(), list ...time.Duration) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if len(list) == 0 {
			end()
			return 0, ctx.Err()
		}
		d := list[0]
		list = list[1:]
		if d < 0 {
			return 0, errors.New("connection lost")
		}
		return d, nil
	}
}

func TestBegin(t *testing.T) {
	for _, tc := range []struct {
		took []time.Duration
		want time.Duration
	}{
		{[]time.Duration{9 * ms, 5 * ms, 7 * ms, 4 * ms, 300 * ms, 8 * ms, 6 * ms}, 7 * ms},
		{[]time.Duration{ms, ms, ms, ms, ms, ms, ms}, leastStart},
	} {
		got, err := NewLatency(2, pings(nil, tc.took...)).Begin(t.Context())
		if err != nil || got != tc.want {
			t.Errorf("%v: start %v, %v, want %v", tc.took, got, err, tc.want)
		}
	}
	if _, err := NewLatency(2, pings(nil, ms, -1)).Begin(t.Context()); err == nil {
		t.Error("a failure at the start is no error")
	}
}

// TestLatency: a single slow answer does nothing, slow ones pause the run until they are over.
func TestLatency(t *testing.T) { synctest.Test(t, testLatency) }

func testLatency(t *testing.T) {
	const start, slow = 10 * ms, 40 * ms // and 3 × 10 ms is the limit
	list := slices.Repeat([]time.Duration{start}, startPings)
	run := []struct {
		took  time.Duration
		pause bool
	}{
		{start, false}, {slow, false}, {start, false}, {30 * ms, false}, {30 * ms, false},
		{slow, false}, {slow, true}, {start, true}, {slow, true}, {start, false}, {start, false},
		{-1, true}, {-1, true}, {start, false},
	}
	for _, r := range run {
		list = append(list, r.took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := NewLatency(3, nil)
	n, ping := -startPings-1, pings(cancel, list...)
	l.ping = func(ctx context.Context) (time.Duration, error) { // before each measurement: what the one before came to
		if n >= 0 && n < len(run) {
			if got := l.pause(); (got != "") != run[n].pause {
				t.Errorf("after measurement %d (%v): %q", n, run[n].took, got)
			}
		}
		n++
		return ping(ctx)
	}
	if _, err := l.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.Watch(ctx); err != nil {
		t.Fatal(err)
	}
	if n != len(run) {
		t.Errorf("%d measurements, want %d", n, len(run))
	}
}

// TestLatencyPause: Wait stands still while the source is slow, and says so.
func TestLatencyPause(t *testing.T) { synctest.Test(t, testLatencyPause) }

func testLatencyPause(t *testing.T) {
	l := &Latency{factor: 2, start: 10 * ms}
	var said []string
	p := New(Options{Latency: l, Say: func(s string) { said = append(said, s) }})
	if d := wait(t, p); d != 0 {
		t.Errorf("waited %v", d)
	}
	l.saw(25 * ms)
	time.AfterFunc(4*pingEvery+pingEvery/2, func() {
		l.recent = nil
		l.saw(20 * ms)
	})
	if d := wait(t, p); d != 5*pingEvery {
		t.Errorf("waited %v", d)
	}
	want := []string{"paused: the source answers PING in 25ms, with --max-latency-factor it may be 20ms", "going on"}
	if !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLatency(2, pings(nil, slices.Repeat([]time.Duration{-1}, mostFailures)...))
		if err := l.Watch(t.Context()); err == nil {
			t.Error("a source that does not answer for long is no error")
		}
	})
}
