package dumpreport

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A pace is how fast a load was, over its time, in steps of the same length.
type pace struct {
	from  time.Time
	step  time.Duration
	keys  []float64 // a second
	bytes []float64
	done  []int64 // keys, behind each step
	rests [][2]time.Time
}

const mostSteps = 120

// newPace sums up the histories of shards, or of one load; nil: they do not tell.
func newPace(all []journal.History) *pace {
	var from, to time.Time
	for _, h := range all {
		if len(h.Moments) == 0 || len(h.Spans) == 0 {
			continue
		}
		if b := h.Spans[0].Began; from.IsZero() || b.Before(from) {
			from = b
		}
		if e := h.Moments[len(h.Moments)-1].At; e.After(to) {
			to = e
		}
	}
	whole := to.Sub(from)
	if from.IsZero() || whole <= 0 {
		return nil
	}
	steps := max(1, min(mostSteps, int(whole/time.Second)))
	p := &pace{from: from, step: whole / time.Duration(steps), keys: make([]float64, steps), bytes: make([]float64, steps), done: make([]int64, steps)}
	for _, h := range all {
		way := points(h)
		keys, bytes := at(way, from)
		for i := range steps {
			k, b := at(way, from.Add(time.Duration(i+1)*p.step))
			p.keys[i] += max(0, k-keys) / p.step.Seconds()
			p.bytes[i] += max(0, b-bytes) / p.step.Seconds()
			p.done[i] += int64(math.Round(k))
			keys, bytes = k, b
		}
	}
	if len(all) == 1 {
		p.rests = rests(all[0])
	}
	return p
}

// moment is the time at the end of so many steps.
func (p *pace) moment(steps int) string { return p.shown(time.Duration(steps) * p.step) }

// shown writes a time since the beginning, in digits that tell steps apart.
func (p *pace) shown(d time.Duration) string {
	if time.Duration(len(p.keys))*p.step < 2*time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// points returns the moments of a history, and one at the beginning of each run, at which nothing
// is more than before.
func points(h journal.History) (all []journal.Moment) {
	spans := h.Spans
	last := journal.Moment{}
	for _, m := range h.Moments {
		for len(spans) > 0 && !spans[0].Began.After(m.At) {
			last.At = spans[0].Began
			all, spans = append(all, last), spans[1:]
		}
		all, last = append(all, m), m
	}
	return all
}

// at returns how far a load was at a time.
func at(way []journal.Moment, t time.Time) (keys, bytes float64) {
	i, _ := slices.BinarySearchFunc(way, t, func(m journal.Moment, t time.Time) int { return m.At.Compare(t) })
	switch {
	case len(way) == 0 || i == 0:
		return 0, 0
	case i == len(way):
		return float64(way[i-1].Keys), float64(way[i-1].Bytes)
	}
	a, b := way[i-1], way[i]
	share := float64(t.Sub(a.At)) / float64(max(1, b.At.Sub(a.At)))
	return float64(a.Keys) + share*float64(b.Keys-a.Keys), float64(a.Bytes) + share*float64(b.Bytes-a.Bytes)
}

// rests returns the times between runs.
func rests(h journal.History) (all [][2]time.Time) {
	for i := 1; i < len(h.Spans); i++ {
		ended := h.Spans[i-1].Ended
		if ended.IsZero() { // it was killed: its last moment tells
			ended = h.Spans[i-1].Began
			for _, m := range h.Moments {
				if m.At.Before(h.Spans[i].Began) && m.At.After(ended) {
					ended = m.At
				}
			}
		}
		all = append(all, [2]time.Time{ended, h.Spans[i].Began})
	}
	return all
}

// A curve is a chart of a pace.
type curve struct {
	Class  string
	W, H   float64
	Pauses []box
	Lines  []rule
	Parts  []curvePart
	Texts  []curveText
}

type rule struct{ X1, Y1, X2, Y2 float64 }

type curvePart struct{ Area, Curve string }

type curveText struct {
	X, Y         float64
	Anchor, Text string
}

// margins of a curve.
const (
	leftOf  = 52
	rightOf = 12
	above   = 14
	under   = 24
)

func (m *maker) curve(p *pace) *pair[curve] {
	return &pair[curve]{m.drawn(p, "wide", 1060, 240, 6), m.drawn(p, "narrow", 372, 220, 3)}
}

// drawn draws a pace with so many times below it.
func (m *maker) drawn(p *pace, class string, w, h float64, times int) curve {
	c := curve{Class: class, W: w, H: h}
	top := ceiling(slices.Max(p.keys))
	whole := time.Duration(len(p.keys)) * p.step
	x := func(d time.Duration) float64 { return oneDigit(leftOf + (w-leftOf-rightOf)*float64(d)/float64(whole)) }
	y := func(rate float64) float64 { return oneDigit(above + (h-above-under)*(1-rate/top)) }
	for _, r := range p.rests {
		from, to := x(r[0].Sub(p.from)), x(r[1].Sub(p.from))
		c.Pauses = append(c.Pauses, box{from, above, max(1, oneDigit(to-from)), h - above - under})
	}
	for i := range 5 {
		rate := top * float64(i) / 4
		c.Lines = append(c.Lines, rule{leftOf, y(rate), w - rightOf, y(rate)})
		c.Texts = append(c.Texts, curveText{leftOf - 6, y(rate) + 4, "end", rateText(rate)})
	}
	anchor := "start"
	for d, each := time.Duration(0), tick(whole, times); d <= whole; d, anchor = d+each, "middle" {
		if d > whole-each/4 {
			anchor = "end"
		}
		c.Texts = append(c.Texts, curveText{x(d), h - 6, anchor, progress.WithoutZeros(d.String())})
	}
	var line strings.Builder
	for i, rate := range p.keys {
		fmt.Fprintf(&line, "L%g %gH%g", x(time.Duration(i)*p.step), y(rate), x(time.Duration(i+1)*p.step))
	}
	path := "M" + line.String()[1:]
	c.Parts = []curvePart{{Curve: path, Area: fmt.Sprintf("%sV%gH%gZ", path, y(0), x(0))}}
	return c
}

// ticks are times between two that stand below a curve.
var ticks = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// tick returns the time between two of at most so many times below a curve.
func tick(whole time.Duration, times int) time.Duration {
	for _, t := range ticks {
		if whole <= t*time.Duration(times) {
			return t
		}
	}
	const day = 24 * time.Hour
	return day * (1 + whole/day/time.Duration(times))
}

// ceiling returns a round number that is not below f.
func ceiling(f float64) float64 {
	for unit := 1.0; ; unit *= 10 {
		for _, n := range []float64{1, 1.2, 1.6, 2, 3, 4, 5, 6, 8} {
			if n*unit >= f {
				return n * unit
			}
		}
	}
}

// rateText writes a rate in few digits.
func rateText(f float64) string {
	switch {
	case f >= 1e6:
		return fmt.Sprintf("%gM", f/1e6)
	case f >= 1e4:
		return fmt.Sprintf("%gk", f/1e3)
	}
	return fmt.Sprintf("%g", f)
}
