package reader

import (
	"context"
	"time"
)

// A Pacer says when the next flight may go, for all passes together: a flight is the
// commands of one pipeline. Its methods are called from many goroutines.
type Pacer interface {
	// Wait returns when a flight may go, and how long that took.
	Wait(ctx context.Context) (time.Duration, error)
	// Done says what a flight brought: so many keys, bytes of replies, and after how long.
	Done(keys, bytes int, took time.Duration)
}

// unpaced lets every flight go at once.
type unpaced struct{}

func (unpaced) Wait(context.Context) (time.Duration, error) { return 0, nil }
func (unpaced) Done(int, int, time.Duration)                {}

// idleLimit is how long a connection may be idle before it is made anew rather than trusted;
// less where the server closes idle connections sooner.
const idleLimit = 10 * time.Second

// ready waits until the next flight may go. Long reports that this took so long that
// the connection was made anew, and that what was read before is old.
func (w *walk) ready(ctx context.Context) (long bool, err error) {
	waited, err := w.s.o.Pacer.Wait(ctx)
	if err != nil {
		return false, err
	}
	idle := idleLimit
	if t := w.s.source.Timeout; t > 0 {
		idle = min(idle, t/2)
	}
	if waited < idle {
		return false, nil
	}
	return true, w.c.renew(ctx)
}

// fly sends the batch, which reads so many keys, and tells how long the replies took beyond
// what the way to the server takes.
func (w *walk) fly(ctx context.Context, b *batch, buf *replyBuffer, keys int) (*parser, time.Duration, error) {
	start := time.Now()
	p, err := w.c.send(ctx, b, buf)
	if err != nil {
		return nil, 0, err
	}
	took := time.Since(start)
	w.s.o.Pacer.Done(keys, len(p.b), took)
	return p, max(0, took-w.c.trip), nil
}
