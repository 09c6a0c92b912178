package storage

import (
	"context"
	"fmt"
	"time"
)

// errStalled is the cause of a request that was given up.
var errStalled = fmt.Errorf("nothing has moved for %v", stalled)

// A watch gives up a request when nothing moves.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	run    context.Context // of the bucket
	forget func() bool     // that run may end
}

func (b *Bucket) newWatch(ctx context.Context) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel, run: b.ctx, timer: time.AfterFunc(stalled, func() { cancel(errStalled) })}
	w.forget = context.AfterFunc(w.run, w.moved)
	return w
}

// moved says that something has.
func (w *watch) moved() {
	if w.run.Err() != nil {
		w.timer.Reset(stalledAtEnd)
		return
	}
	w.timer.Reset(stalled)
}

// end frees what the watch holds, and puts its cause into an error.
func (w *watch) end(err error) error {
	w.forget()
	w.timer.Stop()
	if err != nil && context.Cause(w.ctx) == errStalled {
		err = fmt.Errorf("%w: %w", errStalled, err)
	}
	w.cancel(nil)
	return err
}
