package dumpreport

import (
	"slices"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// TestPace: keys are counted in the time between two moments, none between two runs, and the last
// step ends with all of them.
func TestPace(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(1_764_280_000+int64(seconds), 0) }
	h := journal.History{
		Spans:   []journal.Span{{Began: at(0)}, {Began: at(6), Ended: at(10)}}, // the first was killed
		Moments: []journal.Moment{{At: at(2), Keys: 200, Bytes: 2000}, {At: at(8), Keys: 600, Bytes: 6000}, {At: at(10), Keys: 1000, Bytes: 10_000}},
	}
	p := newPace([]journal.History{h})
	if want := []float64{100, 100, 0, 0, 0, 0, 200, 200, 200, 200}; !slices.Equal(p.keys, want) || p.step != time.Second {
		t.Errorf("%v in steps of %v, want %v", p.keys, p.step, want)
	}
	if want := []int64{100, 200, 200, 200, 200, 200, 400, 600, 800, 1000}; !slices.Equal(p.done, want) {
		t.Errorf("%v, want %v", p.done, want)
	}
	if len(p.rests) != 1 || !p.rests[0][0].Equal(at(2)) || !p.rests[0][1].Equal(at(6)) {
		t.Errorf("rests %v", p.rests)
	}
	both := newPace([]journal.History{h, {Spans: []journal.Span{{Began: at(0), Ended: at(10)}}, Moments: []journal.Moment{{At: at(10), Keys: 10}}}})
	if both.keys[3] != 1 || both.done[9] != 1010 || both.rests != nil {
		t.Errorf("two shards: %v, %v, %v", both.keys, both.done, both.rests)
	}
	for _, h := range []journal.History{{}, {Spans: h.Spans}, {Moments: h.Moments}, {Spans: h.Spans[1:], Moments: h.Moments[:1]}} {
		if p := newPace([]journal.History{h}); p != nil {
			t.Errorf("%+v makes %+v", h, p)
		}
	}
}

// TestTicks: the times below a curve are few and round.
func TestTicks(t *testing.T) {
	for whole, want := range map[time.Duration]string{
		time.Second: "200ms", 61200 * time.Millisecond: "15s", 10 * time.Minute: "2m", 150 * time.Minute: "30m", 5 * time.Hour: "1h", 100 * time.Hour: "24h", 1000 * time.Hour: "168h",
	} {
		if each := tick(whole, 6); progress.WithoutZeros(each.String()) != want || whole/each > 6 {
			t.Errorf("of %v, %s, want %s", whole, progress.WithoutZeros(each.String()), want)
		}
	}
	if got := progress.WithoutZeros("1m30s"); got != "1m30s" {
		t.Error(got)
	}
}
