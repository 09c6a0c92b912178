package dumpreport

import (
	"slices"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// TestNewest: comparisons of shards are put together, the newest of each; one of all counts only if
// it is the newest.
func TestNewest(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 29, hour, 0, 0, 0, time.UTC) }
	of := func(shard string, hour int, c summary.Comparison) loadstate.Verification {
		return loadstate.Verification{Shard: shard, Began: at(hour), Ended: at(hour + 1), Reverse: true, Comparison: c}
	}
	differs := []summary.Difference{{Kind: "value", Keys: 1}}
	l := &Load{Status: &loadstate.Status{}, Verifications: []loadstate.Verification{
		of("", 1, summary.Comparison{Keys: 100}),
		of("1/2", 2, summary.Comparison{Keys: 1000}),
		of("0/2", 3, summary.Comparison{Keys: 10, Equal: true, Sampled: true}),
		of("1/2", 4, summary.Comparison{Keys: 20, Differing: 1, Extra: 2, Differences: differs}),
	}}
	v, shards := newest(l)
	if !slices.Equal(shards, []string{"0/2", "1/2"}) || v.Keys != 30 || v.Differing != 1 || v.Extra != 2 || v.Equal || !v.Sampled || !v.Reverse ||
		!slices.Equal(v.Differences, differs) || !v.Began.Equal(at(3)) || !v.Ended.Equal(at(5)) {
		t.Errorf("%v: %+v", shards, v)
	}
	l.Verifications = append(l.Verifications, of("", 6, summary.Comparison{Keys: 30, Equal: true}))
	if v, shards = newest(l); shards != nil || v.Keys != 30 || !v.Equal {
		t.Errorf("%v: %+v", shards, v)
	}
}
