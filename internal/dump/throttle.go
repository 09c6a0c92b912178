package dump

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Throttle spares the source: in the way that the user asked for, or by reading over no more
// connections than it has room for.
type Throttle struct {
	latency     *pace.Latency     // nil: it is not watched
	connections *pace.Connections // nil: their number is fixed
	ping        func(context.Context) (time.Duration, error)
	pinger      *reader.Observer
	log         io.Writer
}

// Sizes of the reader: the smallest that replies are steered to, and the defaults.
const (
	leastReply   = 4 << 10
	defaultReply = 1 << 20
	defaultPage  = 256
)

// NewThrottle puts a pacer into the options of a reader if limits or windows need one, and fits the
// size of replies to the limits. Waits are told to the Meter, and said to log.
func NewThrottle(r *reader.Options, limits pace.Limits, windows []pace.Window, m *progress.Meter, log io.Writer) *Throttle {
	t := &Throttle{log: log}
	if limits == (pace.Limits{}) && windows == nil {
		return t
	}
	if limits.Keys > 0 {
		r.PageKeys = int(min(int64(cmp.Or(r.PageKeys, defaultPage)), limits.Keys))
	}
	if limits.Bytes > 0 {
		r.ReplyBytes = int(min(int64(cmp.Or(r.ReplyBytes, defaultReply)), max(limits.Bytes, leastReply)))
	}
	if limits.LatencyFactor > 0 {
		t.latency = pace.NewLatency(limits.LatencyFactor, t.ask)
	}
	r.Pacer = pace.New(pace.Options{
		Keys: limits.Keys, Bytes: limits.Bytes, Windows: windows, Latency: t.latency, Meter: m,
		Say: func(text string) { fmt.Fprintln(log, text) },
	})
	return t
}

func (t *Throttle) ask(ctx context.Context) (time.Duration, error) {
	if t.ping != nil {
		return t.ping(ctx)
	}
	return t.pinger.Ping(ctx)
}

// begin is Begin of a dump, whose connections may grow in number.
func (t *Throttle) begin(ctx context.Context, s *reader.Scanner, o *Options) error {
	t.pinger = s.Observer()
	paced := o.Limits != (pace.Limits{}) || o.Windows != nil
	if few := Threads(0, s.Source()); o.Threads == 0 && !paced && few < maxThreads && !s.ByCursor() {
		t.connections = pace.NewConnections(few, maxThreads, cmp.Or(o.lookEvery, pace.LookEvery), t.ask)
		t.connections.Begin(ctx)
	}
	return t.Begin(ctx, s)
}

// Begin measures the latency that the source has before it is read.
func (t *Throttle) Begin(ctx context.Context, s *reader.Scanner) error {
	if t.pinger == nil {
		t.pinger = s.Observer()
	}
	if t.latency == nil {
		return nil
	}
	start, err := t.latency.Begin(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.log, "the source answers PING in %v at the start\n", start.Round(time.Microsecond))
	return nil
}

// Watch measures on until the context ends. Resize is told how many connections may read, where
// their number is not fixed.
func (t *Throttle) Watch(ctx context.Context, resize func(n int)) error {
	defer t.pinger.Close()
	if t.connections != nil {
		t.connections.Watch(ctx, resize)
	}
	if t.latency != nil {
		return t.latency.Watch(ctx)
	}
	return nil
}
