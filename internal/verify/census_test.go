package verify

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// counts are what a Counter has made at each look; at the last one, and behind it, the last.
type counts []question.Count

func (c *counts) Look(context.Context) (n question.Count, done bool, err error) {
	n = (*c)[0]
	*c = (*c)[min(1, len(*c)-1):]
	return n, n != question.Count{}, nil
}

func (c *counts) Sees(context.Context) error { return nil }

func (c *counts) Close() {}

// TestCensusProves: what expires before a count is not in it, what expires behind it is, and what
// expires while the server counts may be.
func TestCensusProves(t *testing.T) {
	now := time.UnixMilli(1_900_000_000_500)
	at := func(s int64) int64 { return (1_900_000_000 + s) * 1000 }
	n := func(keys, expiring, from, until int64) question.Count {
		return question.Count{Keys: keys, Expiring: expiring, From: at(from), Until: at(until)}
	}
	for name, c := range map[string]struct {
		expire []int64 // of the keys that were found, in seconds from now; 0: never
		counts counts
		why    string // empty: they prove it
	}{
		"none expires":              {[]int64{0, 0}, counts{n(2, 0, 5, 6)}, ""},
		"later":                     {[]int64{0, 7, 1e6}, counts{n(3, 2, 5, 6)}, ""},
		"one more":                  {[]int64{0, 7, 1e6}, counts{n(3, 3, 5, 6)}, "of which 3 expire"},
		"one less":                  {[]int64{0, 7, 1e6}, counts{n(3, 1, 5, 6)}, "of which 1 expire"},
		"others' keys":              {[]int64{0, 7}, counts{n(3, 1, 5, 6)}, "counts 3 keys"},
		"fewer keys":                {[]int64{0, 7}, counts{n(1, 1, 5, 6)}, "counts 1 key,"},
		"before":                    {[]int64{0, 4, 7}, counts{n(2, 1, 5, 6)}, ""},
		"before, but counted":       {[]int64{0, 4, 7}, counts{n(3, 2, 5, 6)}, "2 and 1 were found"},
		"at its begin":              {[]int64{0, 5}, counts{n(2, 1, 5, 6)}, "keys expired"},
		"at its end":                {[]int64{0, 6}, counts{n(2, 1, 5, 6)}, "keys expired"},
		"since, and others' keys":   {[]int64{0, 0}, counts{n(3, 1, 5, 6), n(2, 0, 9, 9)}, "counts 3 keys"},
		"after more than an hour":   {[]int64{0}, counts{n(1, 0, 3599, 3601)}, "counts 1 key,"},
		"both beyond, of which one": {[]int64{0, 7200, 9000}, counts{n(3, 1, 5, 6)}, "3 and 2 were found"},
	} {
		census := NewCensus(&c.counts, "", question.Count{}, now)
		for _, s := range c.expire {
			k := &key{}
			if s != 0 {
				k.gotExpire = at(s) + 999
			}
			census.found(k)
		}
		census.found(&key{typ: question.TypeNone})
		why := census.proves(t.Context())
		if (why == nil) != (c.why == "") || why != nil && !strings.Contains(why.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, why, c.why)
		}
	}
}

// TestCensusGivesUp: a server that counts more than the dump can have brought is no longer hoped
// for.
func TestCensusGivesUp(t *testing.T) {
	for _, most := range []question.Count{{Keys: 3, Expiring: 1}, {Keys: 2, Expiring: 1}, {Keys: 3}} {
		census := NewCensus(&counts{{Keys: 3, Expiring: 1, From: 1, Until: 2}}, " in all namespaces", most, time.Now())
		want := most == question.Count{Keys: 3, Expiring: 1}
		if got := census.spares(t.Context()); got != want || (census.failed == nil) != want {
			t.Errorf("at most %+v: %v, %v", most, got, census.failed)
		}
		if says := "the target counts 3 keys in all namespaces, of which 1 expire: more than "; !want && !strings.HasPrefix(census.failed.Error(), says) {
			t.Errorf("%v does not begin %q", census.failed, says)
		}
	}
}

// TestCensusSpares: keys are not spared before they have been counted, as one could expire between;
// and no more when one has expired that may be in the count.
func TestCensusSpares(t *testing.T) {
	counted := question.Count{Keys: 3, Expiring: 1, From: 1000, Until: 2000}
	census := NewCensus(&counts{{}, {}, counted}, "", counted, time.Now())
	if !census.spares(t.Context()) || census.from != counted.From {
		t.Error("spares before the count is done, or not behind it")
	}
	for _, expired := range []int64{1000, 1001} {
		census.found(&key{typ: question.TypeNone, expire: expired, diffs: []Difference{{Class: ExpiredSince}}})
		if spares := expired == counted.From; census.spares(t.Context()) != spares {
			t.Errorf("expired at %d ms: spares %v", expired, !spares)
		}
	}
}
