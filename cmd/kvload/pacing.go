package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Under a rate, pipelines are so small that each connection has some in a second.
const (
	pipelinesPerSecond = 4
	leastPipeline      = 4 << 10
	largestPipeline    = 64 << 10
)

// pacer puts a pacer into the options, and fits the size of pipelines to the rates. It returns nil if nothing is to
// be slow.
func pacer(s pace.Limits, o *writer.Options, threads int, log io.Writer) *rester {
	if s == (pace.Limits{}) {
		return nil
	}
	r := &rester{}
	pipelines := int64(pipelinesPerSecond * threads)
	if s.Keys > 0 {
		o.BatchKeys = int(min(1<<20, max(1, s.Keys/pipelines)))
	}
	if s.Bytes > 0 {
		o.BatchBytes = int(min(largestPipeline, max(leastPipeline, s.Bytes/pipelines)))
	}
	if s.Keys > 0 || s.Bytes > 0 {
		r.rates = pace.New(pace.Options{Keys: s.Keys, Bytes: s.Bytes})
	}
	if s.LatencyFactor > 0 {
		r.share = pace.NewAdaptive(s.LatencyFactor, func(text string) { fmt.Fprintln(log, text) })
	}
	o.Pacer = r
	return r
}

// A rester lets the connections of a load wait. It is a writer.Pacer.
type rester struct {
	rates   *pace.Pacer    // nil: none
	share   *pace.Adaptive // nil: none
	waiting atomic.Int64
}

// elementBytes is how many bytes mean about as much work for a server as one more element.
const elementBytes = 512

// Rest is of writer.Pacer.
func (r *rester) Rest(ctx context.Context, f writer.Pipeline) error {
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	if r.share != nil {
		if rest := r.share.Done(f.Commands+f.Elements+f.Bytes/elementBytes, f.Took); rest > 0 {
			if err := writer.Sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
	if r.rates == nil {
		return nil
	}
	r.rates.Done(f.Keys, f.Bytes, f.Took)
	_, err := r.rates.Wait(ctx)
	return err
}

// rests reports whether a connection waits because it is to be slow, which is no stall.
func (r *rester) rests() bool { return r != nil && r.waiting.Load() > 0 }
