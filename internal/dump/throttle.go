package dump

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A throttle spares the source in the way that the user asked for.
type throttle struct {
	latency *pace.Latency // nil: it is not watched
	pinger  *reader.Pinger
}

// leastReply is the smallest size that replies are steered to.
const leastReply = 4 << 10

// newThrottle puts a pacer into the reader's options if one is needed, and fits the size of replies to the
// limits.
func newThrottle(o *Options) *throttle {
	t, r := &throttle{}, &o.Reader
	if o.Limits == (pace.Limits{}) && o.Windows == nil {
		return t
	}
	if o.Limits.Keys > 0 {
		atMost(&r.PageKeys, o.Limits.Keys)
	}
	if o.Limits.Bytes > 0 {
		atMost(&r.ReplyBytes, max(o.Limits.Bytes, leastReply))
	}
	if o.Limits.LatencyFactor > 0 {
		t.latency = pace.NewLatency(o.Limits.LatencyFactor, func(ctx context.Context) (time.Duration, error) { return t.pinger.Ping(ctx) })
	}
	log := o.Log
	r.Pacer = pace.New(pace.Options{
		Keys: o.Limits.Keys, Bytes: o.Limits.Bytes, Windows: o.Windows, Latency: t.latency,
		Say: func(text string) { fmt.Fprintln(log, text) },
	})
	return t
}

// atMost lowers a size, of which 0 is the default.
func atMost(size *int, most int64) {
	if most < math.MaxInt && (*size == 0 || int64(*size) > most) {
		*size = int(most)
	}
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
