package verify

import (
	"math"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// A Tally sums up what all Checkers have found.
type Tally struct {
	mu      sync.Mutex
	keys    int64
	differ  int64 // keys
	classes map[Class]int64
}

// add counts keys that were compared, or are known not to be there, and those of them that differ.
func (t *Tally) add(keys, differ int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys, t.differ = t.keys+keys, t.differ+differ
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

// Gone counts a key that a delta says is gone, and whether it is.
func (t *Tally) Gone(is bool) {
	t.add(1, 0)
	if !is {
		t.Extra()
	}
}

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

// Comparison returns what was found, of all keys or a sample of them.
func (t *Tally) Comparison(sampled *sample.Sample) *summary.Comparison {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &summary.Comparison{
		Keys: t.keys, Differing: t.differ, Extra: t.classes[ExtraKey], Sampled: sampled != nil, Differences: []summary.Difference{},
	}
	if c.Sampled {
		c.Bound = Confidence(t.keys, t.differ)
	}
	c.Equal = c.Differing == 0 && c.Extra == 0 && c.Keys > 0
	for _, class := range Classes {
		if n := t.classes[class]; n > 0 {
			c.Differences = append(c.Differences, summary.Difference{
				Kind: string(class), Keys: n, Explained: class.Explained(), Meaning: report.Differences[string(class)],
			})
		}
	}
	return c
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
