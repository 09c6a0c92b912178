package rollback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestRate: a rollback waits for its rate when what it compared is removed, not before.
func TestRate(t *testing.T) {
	var records []format.Record
	for i := range 40 {
		records = append(records, smalldump.String(fmt.Sprintf("k%03d", i), "v"))
	}
	l := loadInto(t, start(t), false, smalldump.Options{}, records)
	o := l.o
	o.Limits, o.Meter = pace.Limits{Keys: 1}, progress.NewMeter()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		var log bytes.Buffer
		ended <- Run(ctx, o, &log)
	}()
	for len(o.Meter.Snapshot().Waits) == 0 {
		select {
		case err := <-ended:
			t.Fatalf("it has not waited: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	if n := len(l.Keys()); n == 40 { // what was compared is removed first
		t.Errorf("the target has %d keys while the rollback waits", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	l.undo(t, "")
	l.holds(t, "")
}
