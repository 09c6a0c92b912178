package dump

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A throttle spares the source in the way that the user asked for.
type throttle struct {
	latency *pace.Latency // nil: it is not watched
	pinger  *reader.Pinger
}

// Sizes of the reader: the smallest that replies are steered to, and the defaults.
const (
	leastReply   = 4 << 10
	defaultReply = 1 << 20
	defaultPage  = 256
)

// newThrottle puts a pacer into the reader's options if one is needed, and fits the size of
// replies to the limits.
func newThrottle(o *Options) *throttle {
	t, r := &throttle{}, &o.Reader
	if o.Limits == (pace.Limits{}) && o.Windows == nil {
		return t
	}
	if o.Limits.Keys > 0 {
		r.PageKeys = int(min(int64(cmp.Or(r.PageKeys, defaultPage)), o.Limits.Keys))
	}
	if o.Limits.Bytes > 0 {
		r.ReplyBytes = int(min(int64(cmp.Or(r.ReplyBytes, defaultReply)), max(o.Limits.Bytes, leastReply)))
	}
	if o.Limits.LatencyFactor > 0 {
		t.latency = pace.NewLatency(o.Limits.LatencyFactor, func(ctx context.Context) (time.Duration, error) { return t.pinger.Ping(ctx) })
	}
	log := o.Log
	r.Pacer = pace.New(pace.Options{
		Keys: o.Limits.Keys, Bytes: o.Limits.Bytes, Windows: o.Windows, Latency: t.latency, Meter: o.Meter,
		Say: func(text string) { fmt.Fprintln(log, text) },
	})
	return t
}

// begin measures the latency that the source has before the scan.
func (t *throttle) begin(ctx context.Context, s *reader.Scanner, log io.Writer) error {
	if t.latency == nil {
		return nil
	}
	t.pinger = s.Pinger()
	start, err := t.latency.Begin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "the source answers PING in %v at the start\n", start.Round(time.Microsecond))
	return nil
}

// watch measures on until the context ends.
func (t *throttle) watch(ctx context.Context) error {
	if t.latency == nil {
		return nil
	}
	defer t.pinger.Close()
	return t.latency.Watch(ctx)
}
