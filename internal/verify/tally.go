package verify

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"text/tabwriter"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// A Tally sums up what all Checkers have found.
type Tally struct {
	mu      sync.Mutex
	keys    int64
	differ  int64 // keys
	classes map[Class]int64
}

// compared counts a key that was compared.
func (t *Tally) compared(differs bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys++
	if differs {
		t.differ++
	}
}

// explained counts a key that is known not to be there.
func (t *Tally) explained() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys++
}

func (t *Tally) found(class Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.classes == nil {
		t.classes = map[Class]int64{}
	}
	t.classes[class]++
}

// Extra counts a key that the dump does not have.
func (t *Tally) Extra() { t.found(ExtraKey) }

// Keys returns how many keys have been compared.
func (t *Tally) Keys() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys
}

// Differing returns how many keys differ without an explanation, and how many the dump
// does not have.
func (t *Tally) Differing() (keys, extra int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.differ, t.classes[ExtraKey]
}

// Summary writes a table of the classes, for a sample what it says of all keys, and that nothing
// differs if it is so.
func (t *Tally) Summary(w io.Writer, sampled *sample.Sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.classes) > 0 {
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, c := range Classes {
			if n := t.classes[c]; n > 0 {
				note := ""
				if c.Explained() {
					note = "explained: no difference"
				}
				fmt.Fprintf(tw, "  %s\t%s\t%s\n", c, progress.Plural(n, "key", "keys"), note)
			}
		}
		tw.Flush()
	}
	if sampled != nil {
		fmt.Fprintf(w, "%s of %s", progress.Count(t.differ), progress.Plural(t.keys, "sampled key differs", "sampled keys differ"))
		if bound := Confidence(t.keys, t.differ); bound < 0.995 { // else it says nothing
			fmt.Fprintf(w, ": with 95 %% confidence fewer than %s of all do", Percent(bound))
		}
		fmt.Fprintln(w)
	}
	switch {
	case t.differ > 0 || t.classes[ExtraKey] > 0 || t.keys == 0:
	case sampled != nil:
		fmt.Fprintln(w, "the sample is equal")
	case len(t.classes) > 0:
		fmt.Fprintln(w, "equal, but for what is explained")
	default:
		fmt.Fprintln(w, "equal")
	}
}

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
