package load

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Under a rate, pipelines are so small that each connection has some in a second.
const (
	pipelinesPerSecond = 4
	leastPipeline      = 4 << 10
	largestPipeline    = 64 << 10
)

// A Throttle lets the connections of a load wait. It is a writer.Pacer.
type Throttle struct {
	rates   *pace.Pacer    // nil: none
	share   *pace.Adaptive // nil: none
	meter   *progress.Meter
	resting atomic.Int64
}

// NewThrottle puts a Throttle into the options of a target, and fits the size of pipelines to the
// limits. It returns nil if there are none. Say is told when the speed changes, the meter of waits.
func NewThrottle(limits pace.Limits, o *writer.Options, workers int, meter *progress.Meter, say func(string)) *Throttle {
	if limits == (pace.Limits{}) {
		return nil
	}
	t := &Throttle{meter: meter}
	pipelines := int64(pipelinesPerSecond * workers)
	if limits.Keys > 0 {
		o.BatchKeys = int(min(1<<20, max(1, limits.Keys/pipelines)))
	}
	if limits.Bytes > 0 {
		o.BatchBytes = int(min(largestPipeline, max(leastPipeline, limits.Bytes/pipelines)))
		o.RawBytes = o.BatchBytes
	}
	if limits.Keys > 0 || limits.Bytes > 0 {
		t.rates = pace.New(pace.Options{Keys: limits.Keys, Bytes: limits.Bytes, Meter: meter})
	}
	if limits.LatencyFactor > 0 {
		t.share = pace.NewAdaptive(limits.LatencyFactor, say)
	}
	o.Pacer = t
	return t
}

// Asked adds to a pipeline the questions that were answered since began.
func Asked(done *writer.Pipeline, qs []*question.Question, began time.Time) {
	done.Commands, done.Took = done.Commands+len(qs), done.Took+time.Since(began)
	for _, q := range qs {
		if q.Head {
			done.Keys++
		}
		done.Elements += max(len(q.Elems), len(q.Values), len(q.IDs))
		done.Bytes += len(q.Key)
		for _, e := range q.Elems {
			done.Bytes += len(e)
		}
		for _, values := range append([][]string{q.Values}, q.Fields...) {
			for _, v := range values {
				done.Bytes += len(v)
			}
		}
	}
}

// elementBytes is how many bytes mean about as much work for a server as one more element.
const elementBytes = 512

// Rest is of writer.Pacer.
func (t *Throttle) Rest(ctx context.Context, f writer.Pipeline) error {
	t.resting.Add(1)
	defer t.resting.Add(-1)
	if t.share != nil {
		if rest := t.share.Done(f.Commands+f.Elements+f.Bytes/elementBytes, f.Took); rest > 0 {
			over := t.meter.Wait(progress.LatencyGuard, "")
			err := retry.Sleep(ctx, rest)
			over()
			if err != nil {
				return err
			}
		}
	}
	if t.rates == nil {
		return nil
	}
	t.rates.Done(f.Keys, f.Bytes, f.Took)
	_, err := t.rates.Wait(ctx)
	return err
}

// rests reports whether a connection waits for the Throttle, which is no stall.
func (t *Throttle) rests() bool { return t != nil && t.resting.Load() > 0 }
