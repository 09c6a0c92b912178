package stats

import (
	"fmt"
	"strconv"
	"time"
)

// A Series is a prefix behind which there are times, or numbers without gaps.
type Series struct {
	Prefix string `json:"prefix"`
	Kind   string `json:"kind"` // date, epoch, sequence
	From   string `json:"from"` // the first and last
	To     string `json:"to"`
	Counts
}

// series tells whether a node looks like one.
func (n *node) series(prefix string) (Series, bool) {
	s := Series{Prefix: prefix, Counts: n.Counts}
	if !n.ordered || n.Keys < leastSeries {
		return s, false
	}
	second := func(at int64) string { return time.Unix(at, 0).UTC().Format(time.RFC3339) }
	switch n.kind {
	case date:
		day := func(at int64) string { return fmt.Sprintf("%04d-%02d-%02d", at/10_000, at/100%100, at%100) }
		s.Kind, s.From, s.To = "date", day(n.low), day(n.high)
	case epoch:
		s.Kind, s.From, s.To = "epoch", second(n.low), second(n.high)
	case millis:
		s.Kind, s.From, s.To = "epoch", second(n.low/1000), second(n.high/1000)
	case number:
		different := n.Keys
		if n.ids != nil {
			different = int64(n.ids.Estimate())
		} else if len(n.below()) > 0 {
			return s, false
		}
		if different < leastSeries || n.high-n.low+1 > different+different/4 {
			return s, false
		}
		s.Kind, s.From, s.To = "sequence", strconv.FormatInt(n.low, 10), strconv.FormatInt(n.high, 10)
	default:
		return s, false
	}
	return s, true
}
