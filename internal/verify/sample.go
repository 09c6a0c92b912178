package verify

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
)

// A Sample chooses a share of the keys by their names: the same ones each time.
type Sample struct {
	share float64
	below uint64
}

// ParseSample reads a share, as "1%" or "0.01".
func ParseSample(s string) (*Sample, error) {
	text, percent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(text, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("%q is not a share of the keys, such as 1%% or 0.01", s)
	}
	if share == 1 {
		return nil, nil
	}
	return &Sample{share, uint64(share * math.MaxUint64)}, nil
}

// Holds reports whether the sample has the key.
func (s *Sample) Holds(key []byte) bool {
	if s == nil {
		return true
	}
	h := fnv.New64a()
	h.Write(key)
	return mix(h.Sum64()) < s.below
}

// mix spreads the bits of FNV, whose high ones say little of the last bytes.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// Bound returns the share of all keys below which those that differ are with 95 % confidence,
// when of n keys of a sample differ do: the one-sided limit of Clopper and Pearson.
func Bound(n, differ int64) float64 {
	if n == 0 || differ >= n {
		return 1
	}
	if differ == 0 {
		return -math.Expm1(math.Log(0.05) / float64(n))
	}
	low, high := float64(differ)/float64(n), 1.0
	for range 100 {
		p := (low + high) / 2
		if atMost(n, differ, p) > 0.05 {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the chance of at most k among n when each has the chance p.
func atMost(n, k int64, p float64) float64 {
	if k > 10_000 { // as good as normal by then
		mean, variance := float64(n)*p, float64(n)*p*(1-p)
		return math.Erfc((mean-float64(k)-0.5)/math.Sqrt(2*variance)) / 2
	}
	logP, logQ := math.Log(p), math.Log1p(-p)
	term := float64(n) * logQ // log of the chance of 0
	sum := math.Exp(term)
	for i := int64(1); i <= k; i++ {
		term += math.Log(float64(n-i+1)) - math.Log(float64(i)) + logP - logQ
		sum += math.Exp(term)
	}
	return sum
}

// Percent writes a share with two significant digits.
func Percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 2, 64) + " %"
}
