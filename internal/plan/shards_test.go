package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBounds: parts of a sample have about the same weight; of too few keys some parts are empty.
func TestBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var sample []weighted
	all := 0.0
	for i := range 1000 {
		w := 1 + rng.Float64()*float64(i)
		sample = append(sample, weighted{fmt.Appendf(nil, "%04d", i), w})
		all += w
	}
	rng.Shuffle(len(sample), func(i, j int) { sample[i], sample[j] = sample[j], sample[i] })
	for _, n := range []int{1, 2, 7, 16} {
		b := bounds(sample, n)
		if len(b) != n-1 {
			t.Fatalf("%d bounds of %d parts", len(b), n)
		}
		parts := make([]float64, n)
		for _, k := range sample {
			i := 0
			for i < len(b) && string(k.key) >= string(b[i].Key) {
				i++
			}
			parts[i] += k.weight
		}
		for i, w := range parts {
			if fair := all / float64(n); w < 0.9*fair || w > 1.1*fair {
				t.Errorf("part %d of %d weighs %.0f, fair is %.0f", i, n, w, fair)
			}
		}
	}
	for _, few := range [][]weighted{nil, {{[]byte("a"), 5}}, {{[]byte("b"), 1}, {[]byte("a"), 1000}}} {
		b := bounds(few, 4)
		for i := range b {
			if b[i].Key == nil || i > 0 && string(b[i].Key) < string(b[i-1].Key) {
				t.Errorf("bounds of %v: %q", few, b)
			}
		}
	}
}
