package dump

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A throttle spares the source: in the way that the user asked for, or by reading over no more
// connections than it has room for.
type throttle struct {
	latency     *pace.Latency     // nil: it is not watched
	connections *pace.Connections // nil: their number is fixed
	ping        func(context.Context) (time.Duration, error)
	pinger      *reader.Pinger
}

// Sizes of the reader: the smallest that replies are steered to, and the defaults.
const (
	leastReply   = 4 << 10
	defaultReply = 1 << 20
	defaultPage  = 256
)

// paced reports whether the user says how the source is spared.
func (o *Options) paced() bool { return o.Limits != (pace.Limits{}) || o.Windows != nil }

// newThrottle puts a pacer into the reader's options if one is needed, and fits the size of
// replies to the limits.
func newThrottle(o *Options) *throttle {
	t, r := &throttle{ping: o.ping}, &o.Reader
	if !o.paced() {
		return t
	}
	if o.Limits.Keys > 0 {
		r.PageKeys = int(min(int64(cmp.Or(r.PageKeys, defaultPage)), o.Limits.Keys))
	}
	if o.Limits.Bytes > 0 {
		r.ReplyBytes = int(min(int64(cmp.Or(r.ReplyBytes, defaultReply)), max(o.Limits.Bytes, leastReply)))
	}
	if o.Limits.LatencyFactor > 0 {
		t.latency = pace.NewLatency(o.Limits.LatencyFactor, t.ask)
	}
	log := o.Log
	r.Pacer = pace.New(pace.Options{
		Keys: o.Limits.Keys, Bytes: o.Limits.Bytes, Windows: o.Windows, Latency: t.latency, Meter: o.Meter,
		Say: func(text string) { fmt.Fprintln(log, text) },
	})
	return t
}

// ask pings the source.
func (t *throttle) ask(ctx context.Context) (time.Duration, error) {
	if t.ping != nil {
		return t.ping(ctx)
	}
	return t.pinger.Ping(ctx)
}

// begin measures the latency that the source has before the scan.
func (t *throttle) begin(ctx context.Context, s *reader.Scanner, o *Options) error {
	t.pinger = s.Pinger()
	if few := Threads(0, s.Source()); o.Threads == 0 && !o.paced() && few < maxThreads && !s.ByCursor() {
		t.connections = pace.NewConnections(few, maxThreads, cmp.Or(o.lookEvery, pace.LookEvery), t.ask)
		t.connections.Begin(ctx)
	}
	if t.latency == nil {
		return nil
	}
	start, err := t.latency.Begin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.Log, "the source answers PING in %v at the start\n", start.Round(time.Microsecond))
	return nil
}

// watch measures on until the context ends.
func (t *throttle) watch(ctx context.Context, resize func(n int)) error {
	defer t.pinger.Close()
	if t.connections != nil {
		t.connections.Watch(ctx, resize)
	}
	if t.latency != nil {
		return t.latency.Watch(ctx)
	}
	return nil
}
