package verify

import (
	"math"
	"strconv"
)

// Confidence returns the share of all keys below which those that differ are with 95 % confidence,
// when of n keys of a sample differ do: the one-sided limit of Clopper and Pearson.
func Confidence(n, differ int64) float64 {
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

// Percent writes a share below 0.995 with two significant digits.
func Percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 2, 64) + " %"
}
