package verify

import (
	"fmt"
	"math"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// TestConfidence holds the bound against published values of Clopper and Pearson's one-sided limit.
func TestConfidence(t *testing.T) {
	for _, c := range []struct {
		n, differ int64
		want      float64
	}{
		{0, 0, 1}, {5, 5, 1}, {200_000, 0, 1.498e-5}, {59, 0, 0.04951}, {10, 1, 0.39416}, {100, 5, 0.10225}, {1_000_000, 100_000, 0.100494},
	} {
		if got := Confidence(c.n, c.differ); math.Abs(got-c.want) > 0.0005*c.want {
			t.Errorf("%d of %d: %g, want %g", c.differ, c.n, got, c.want)
		}
	}
	if c := new(Tally).Comparison(nil); c.Bound != 0 {
		t.Errorf("of all keys: %+v", c)
	}
	for _, c := range []struct {
		keys, differ int64
		bound        string
	}{
		{200_000, 0, "0.0015"},
		{5, 5, "1e+02"}, {20, 19, "1e+02"},
	} {
		tally := &Tally{keys: c.keys, differ: c.differ}
		got := tally.Comparison(&sample.Sample{})
		if bound := fmt.Sprintf("%.2g", 100*got.Bound); bound != c.bound || !got.Sampled || got.Equal != (c.differ == 0) || got.Keys != c.keys || got.Differing != c.differ {
			t.Errorf("%d of %d: %+v", c.differ, c.keys, got)
		}
	}
}

// TestSampled: a sample compares the same keys each time, and no others.
func TestSampled(t *testing.T) {
	s, err := sample.Parse("10%")
	if err != nil {
		t.Fatal(err)
	}
	var dump []*format.Record
	for i := range 1000 {
		dump = append(dump, str(fmt.Sprintf("key:%05d", i), "x"))
	}
	found, tally := check(t, Options{Sample: s}, holding(), dump)
	if int64(len(found)) != tally.Keys() || len(found) < 50 || len(found) > 150 {
		t.Errorf("%d keys compared, %d differ", tally.Keys(), len(found))
	}
	for key := range found {
		if !s.Holds([]byte(key)) {
			t.Errorf("%s is not of the sample", key)
		}
	}
}
