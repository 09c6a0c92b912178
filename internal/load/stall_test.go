package load

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

type fakeWorker struct {
	waiting, pausing bool
	aborted          atomic.Int64
}

func (w *fakeWorker) waits() bool   { return w.waiting }
func (w *fakeWorker) pauses() bool  { return w.pausing }
func (w *fakeWorker) where() string { return "worker 1: here" }
func (w *fakeWorker) abort()        { w.aborted.Add(1) }

// TestExcused: nothing need move while a worker is slowed down or waits to try again, or when all
// wait for more of the dump.
func TestExcused(t *testing.T) {
	busy, waits, pauses := &fakeWorker{}, &fakeWorker{waiting: true}, &fakeWorker{pausing: true}
	for _, tc := range []struct {
		name    string
		workers []watched
		rests   bool
		want    bool
	}{
		{"all busy", []watched{busy, busy}, false, false},
		{"one has nothing to load", []watched{busy, waits}, false, false},
		{"none has anything to load", []watched{waits, waits}, false, true},
		{"one waits to try again", []watched{busy, pauses}, false, true},
		{"one is slowed down", []watched{busy, busy}, true, true},
	} {
		d := &watchdog{workers: tc.workers, rests: func() bool { return tc.rests }}
		if d.excused() != tc.want {
			t.Errorf("%s: %v", tc.name, !tc.want)
		}
	}
}

// TestWatch: a run that does not move is ended, with its connections; one that is done is not.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &fakeWorker{}
	d := &watchdog{timeout: 20 * time.Millisecond, moved: new(atomic.Int64), rests: func() bool { return false }, workers: []watched{w}, cancel: cancel}
	err := d.watch(ctx, nil)
	if !errors.Is(err, ErrStalled) || !errors.Is(context.Cause(ctx), ErrStalled) || w.aborted.Load() != 1 {
		t.Errorf("%v, %v, %d connections were cut", err, context.Cause(ctx), w.aborted.Load())
	}
	done := make(chan struct{})
	close(done)
	if err := d.watch(t.Context(), done); err != nil {
		t.Error(err)
	}
}
