package progress

import (
	"math"
	"time"
)

const (
	// rateTime is over how many seconds a rate is averaged.
	rateTime = 5.0
	// leastStep is the time between two looks that count.
	leastStep = 200 * time.Millisecond
)

// A speed is how fast a count grows of late. It does not matter who looks at it, and how often.
type speed struct {
	last   time.Time
	count  float64
	rate   float64 // per second
	weight float64 // of rate, which grows to 1: the first looks count for more
}

// begun returns the speed of a count that begins with 0 now.
func begun(now time.Time) speed { return speed{last: now} }

// at returns the speed, averaged over about so many seconds; 0: since the last look.
func (s *speed) at(now time.Time, count, seconds float64) float64 {
	if s.last.IsZero() {
		s.last, s.count = now, count
		return 0
	}
	if step := now.Sub(s.last); step >= leastStep {
		share := 1.0
		if seconds > 0 {
			share = 1 - math.Exp(-step.Seconds()/seconds)
		}
		s.rate += share * ((count-s.count)/step.Seconds() - s.rate)
		s.weight += share * (1 - s.weight)
		s.last, s.count = now, count
	}
	if s.weight == 0 {
		return 0
	}
	return max(0, s.rate/s.weight)
}
