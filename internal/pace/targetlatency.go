package pace

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// firstFlights give the start value, their median. Until then nothing is slowed down.
	firstFlights = 32
	// recentFlights give the value of now, their median: one slow answer says nothing …
	recentFlights = 3
	// … unless it is as slow as this: a server that stalls lets every connection wait.
	stall = time.Second
	// leastSlow is what a flight takes at least that counts as slow.
	leastSlow = 20 * time.Millisecond
	// flightWork is the work that a flight means beside what it carries.
	flightWork = 200
	// shareStep is what the share grows by in each shareEvery; it is halved no more often.
	shareStep  = 1.0 / 16
	shareEvery = time.Second
	leastShare = 1.0 / 64
	// longestRest is how long a connection rests at most, so that it goes on soon after a long
	// stall.
	longestRest = 5 * time.Second
	// follow is by how much the start value follows the flights as long as all is well: what is
	// written may become another kind of thing.
	follow = 1.0 / 512
)

// An Adaptive says which share of the time connections to a server may be busy. It is halved when
// replies take much longer than they did at the start, for the work that was asked for, and then
// grows by a sixteenth a second. All connections have one.
type Adaptive struct {
	factor float64
	say    func(string)

	mu      sync.Mutex
	share   float64   // 1: all the time
	start   float64   // ns for a piece of work; 0: not known yet
	recent  []float64 // of the last flights; the first ones until start is known
	changed time.Time // when share was
}

// NewAdaptive returns an Adaptive whose share is halved when replies take factor times as long as
// at the start. Say is told when that begins and ends.
func NewAdaptive(factor float64, say func(string)) *Adaptive {
	return &Adaptive{factor: factor, say: say, share: 1}
}

// Done is told of a flight: how much work it meant for the server, in pieces of any size, and how
// long the replies took. It returns how long its connection is to rest.
func (a *Adaptive) Done(work int, took time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	cost := float64(took) / float64(work+flightWork)
	a.recent = append(a.recent, cost)
	if a.start == 0 {
		if len(a.recent) == firstFlights {
			a.start, a.recent = median(a.recent), nil
		}
		return 0
	}
	if len(a.recent) > recentFlights {
		a.recent = slices.Delete(a.recent, 0, 1)
	}
	limit := a.factor * a.start
	slow := cost > limit && took >= leastSlow && (took >= stall || len(a.recent) == recentFlights && median(a.recent) > limit)
	now := time.Now()
	switch due := now.Sub(a.changed) >= shareEvery; {
	case slow && due:
		if a.share == 1 {
			a.say(fmt.Sprintf("the target's replies take %.1f times as long as at the start: slowing down", cost/a.start))
		}
		a.share, a.changed, a.recent = max(leastShare, a.share/2), now, nil
	case !slow && due && a.share < 1:
		a.share, a.changed = min(1, a.share+shareStep), now
		if a.share == 1 {
			a.say("back at full speed")
		}
	case !slow && a.share == 1:
		a.start += follow * (min(cost, 2*a.start) - a.start)
	}
	return min(longestRest, time.Duration(float64(took)*(1/a.share-1)))
}

func median[T cmp.Ordered](of []T) T {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}
