package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// slowness says how far the target is spared. Zero values mean: not at all.
type slowness struct {
	keys, bytes int64 // per second
	factor      float64
}

// leastRate is the lowest --rate-bytes.
const leastRate = 1 << 10

func slownessFromFlags(c *cli.Context) (slowness, error) {
	s := slowness{factor: c.Float64("max-latency-factor")}
	if text := c.String("rate-keys"); text != "" {
		n, unit, err := humanize.ParseSI(text)
		if err != nil || unit != "" || n < 1 || n > 1e15 {
			return s, command.Usage("--rate-keys %q: it is a number above 0, such as 20000 or 20k", text)
		}
		s.keys = int64(n)
	}
	if text := c.String("rate-bytes"); text != "" {
		n, err := humanize.ParseBytes(text)
		if err != nil || n < leastRate || n > 1<<40 {
			return s, command.Usage("--rate-bytes %q: it is a size from %s to 1 TiB, such as 1MiB", text, humanize.IBytes(leastRate))
		}
		s.bytes = int64(n)
	}
	if s.factor != 0 && !(s.factor > 1 && s.factor <= 1e6) {
		return s, command.Usage("--max-latency-factor %v: it is above 1, such as 4; 0 is off", s.factor)
	}
	return s, nil
}

// Under a rate, pipelines are so small that each connection has some in a second.
const (
	pipelinesPerSecond = 4
	leastPipeline      = 4 << 10
	largestPipeline    = 64 << 10
)

// pacer puts a pacer into the options, and fits the size of pipelines to the rates. It returns nil if nothing is to
// be slow.
func (s *slowness) pacer(o *writer.Options, threads int, log io.Writer) *rester {
	if *s == (slowness{}) {
		return nil
	}
	r := &rester{}
	pipelines := int64(pipelinesPerSecond * threads)
	if s.keys > 0 {
		o.BatchKeys = int(min(1<<20, max(1, s.keys/pipelines)))
	}
	if s.bytes > 0 {
		o.BatchBytes = int(min(largestPipeline, max(leastPipeline, s.bytes/pipelines)))
	}
	if s.keys > 0 || s.bytes > 0 {
		r.rates = pace.New(pace.Options{Keys: s.keys, Bytes: s.bytes})
	}
	if s.factor > 0 {
		r.share = pace.NewShare(s.factor, func(text string) { fmt.Fprintln(log, text) })
	}
	o.Pacer = r
	return r
}

// A rester lets the connections of a load wait. It is a writer.Pacer.
type rester struct {
	rates   *pace.Pacer // nil: none
	share   *pace.Share // nil: none
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
