package journal

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNumbers adds numbers in any order, some twice.
func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var s Runs
		want := map[int64]bool{}
		for range rng.IntN(60) {
			n := rng.Int64N(40)
			s.add(n)
			want[n] = true
		}
		for n := range int64(42) {
			if s.Has(n) != want[n] {
				t.Fatalf("%v has %d: %v", s, n, s.Has(n))
			}
		}
		if unpacked := s.pack().unpack(); !slices.Equal(unpacked, s) {
			t.Fatalf("%v is unpacked as %v", s, unpacked)
		}
		for i := 1; i < len(s); i++ {
			if s[i].from <= s[i-1].to {
				t.Fatalf("%v: runs that touch", s)
			}
		}
	}
	var s Runs
	for n := range int64(100_000) {
		s.add(n)
	}
	if len(s) != 1 {
		t.Errorf("%d runs", len(s))
	}
}

// listed returns the numbers in order.
func listed(s Runs) (all []int64) {
	for _, r := range s {
		for n := r.from; n < r.to; n++ {
			all = append(all, n)
		}
	}
	return all
}
