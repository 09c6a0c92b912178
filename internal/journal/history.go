package journal

import (
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A History is how a load went, for reports. No run depends on it.
type History struct {
	// Moments are in order, mostMoments at most: the longer the load, the more time is between two.
	Moments []Moment `json:"moments,omitempty"`
	Spans   []Span   `json:"spans,omitempty"`
}

// A Moment is how far all runs of a load had come by then.
type Moment struct {
	At    time.Time `json:"at"`
	Keys  int64     `json:"keys"`
	Bytes int64     `json:"bytes"`
}

// A Span is the time of one run.
type Span struct {
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended,omitzero"`    // zero: it was killed, or is at work
	Retries int64     `json:"retries,omitempty"` // of transient errors; of a run that was killed not known
}

const (
	mostMoments = 400
	mostSpans   = 200
)

// noted is what a History has of one unit.
type noted struct{ keys, bytes int64 }

// recorder makes a History.
type recorder struct {
	History
	sum     noted // of all units
	retries int64 // of this run
}

func (r *recorder) begin(at time.Time) {
	if len(r.Spans) == mostSpans {
		r.Spans = slices.Delete(r.Spans, 1, 2)
	}
	r.Spans = append(r.Spans, Span{Began: at})
}

// end ends the last run, if it has not ended.
func (r *recorder) end(at time.Time, retries int64) {
	if n := len(r.Spans); n > 0 && r.Spans[n-1].Ended.IsZero() {
		r.Spans[n-1].Ended, r.Spans[n-1].Retries = at, retries
	}
}

// reach takes in how far a unit is, of which it had noted something, and when that was, in
// milliseconds of Unix time. If that is 0, it is not known, and makes no Moment.
func (r *recorder) reach(was *noted, s checkpoint.Stats, ms int64) {
	is := noted{s.Keys, s.Bytes}
	r.sum.keys += is.keys - was.keys
	r.sum.bytes += is.bytes - was.bytes
	*was = is
	if ms == 0 {
		return
	}
	m := Moment{time.UnixMilli(ms).UTC(), r.sum.keys, r.sum.bytes}
	n := len(r.Moments)
	if n < 2 || m.At.Sub(r.Moments[n-2].At) >= max(time.Second, r.Moments[n-1].At.Sub(r.Moments[0].At)/mostMoments) {
		r.Moments = append(r.Moments, m)
	} else { // the newest is always there
		r.Moments[n-1] = m
	}
	if len(r.Moments) > mostMoments {
		thinned := r.Moments[:0]
		for i, m := range r.Moments {
			if i%2 == 0 || i == mostMoments {
				thinned = append(thinned, m)
			}
		}
		r.Moments = thinned
	}
}
