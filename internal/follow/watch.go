package follow

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A watcher compares the tail with the source's position, from time to time: it tells how far
// behind the run is, and whether the source is at rest.
type watcher struct {
	o    *Options
	s    *reader.Scanner
	kept reader.BinlogKept
	tail *tail
	lags *laggard

	looked chan struct{} // one is in it when a look was made since

	mu      sync.Mutex
	now     time.Time // by the source's clock
	ends    []format.BinlogPosition
	reached bool      // the tail was there
	since   time.Time // when it first was, and has been without a break
	sealed  sealed
}

// sealed is what is in deltas.
type sealed struct {
	at     []format.BinlogPosition // of the databases that are followed
	until  time.Time
	names  int // of the delta that is being read
	deltas int64
}

func (w *watcher) watch(ctx context.Context) error {
	look := w.s.Observer()
	defer look.Close()
	for {
		if err := w.look(ctx, look); err != nil {
			return err
		}
		if err := retry.Sleep(ctx, w.o.lookEvery); err != nil {
			return err
		}
	}
}

func (w *watcher) look(ctx context.Context, look *reader.Observer) error {
	now, ends, err := look.Binlog(ctx)
	if err != nil {
		return err
	}
	reached := w.tail.reached(now, ends)
	w.mu.Lock()
	if !reached || !w.reached || !slices.Equal(ends, w.ends) {
		w.since = time.Now()
	}
	w.now, w.ends, w.reached = now, ends, reached
	w.mu.Unlock()
	w.tell()
	if text := w.lags.says(w.o.Meter.Snapshot(), w.kept); text != "" {
		fmt.Fprintln(w.o.Log, text)
	}
	select {
	case w.looked <- struct{}{}:
	default:
	}
	return nil
}

// idle returns for how long nothing has been written that is not in the tail.
func (w *watcher) idle() time.Duration {
	arrived := w.tail.state().arrived
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reached {
		return 0
	}
	since := w.since
	if arrived.After(since) {
		since = arrived
	}
	return time.Since(since)
}

func (w *watcher) seal(s sealed) {
	w.mu.Lock()
	w.sealed = s
	w.mu.Unlock()
	w.tell()
}

// tell tells the Meter how far behind the run is.
func (w *watcher) tell() { w.o.Meter.Behind(w.lag()) }
