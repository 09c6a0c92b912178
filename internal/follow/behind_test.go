package follow

import (
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestSaysThatItFallsBehind: a run says so once, and again when it is twice as far; not when it
// begins far behind and catches up.
func TestSaysThatItFallsBehind(t *testing.T) {
	kept := reader.BinlogKept{Files: 10, FileBytes: 100 << 20}
	at := func(seconds float64, binlog int64, waits ...progress.Wait) progress.Snapshot {
		return progress.Snapshot{Lag: &progress.Lag{Seconds: seconds, Binlog: &binlog}, Waits: waits}
	}
	g := newLaggard(10 * time.Second)
	for _, step := range []struct {
		s    progress.Snapshot
		says string
	}{
		{at(3, 1), ""},
		{at(59, 1), ""},
		{at(61, 10<<20), "warning: 1m1s behind the source, 10.0 MiB of binlog: the source is written to faster"},
		{at(100, 1, progress.Wait{Reason: progress.RateLimit, Share: 0.5}), ""},
		{at(125, 600<<20, progress.Wait{Reason: progress.RateLimit, Share: 0.5}), "of the 1000.0 MiB that it keeps when this run ends: raise expire-logs-nums at the source: it waits: rate limit"},
		{at(40, 1), ""},
		{at(20, 1), "caught up: 20s behind the source"},
		{at(10, 1), ""},
		{at(60, 1), "warning: 1m0s behind"},
		{progress.Snapshot{}, ""},
	} {
		if got := g.says(step.s, kept); (step.says == "") != (got == "") || !strings.Contains(got, step.says) {
			t.Errorf("at %+v it says %q, want %q", step.s.Lag, got, step.says)
		}
	}
	g = newLaggard(time.Minute)
	for _, seconds := range []float64{7200, 10000, 3600, 200, 80} {
		if got := g.says(at(seconds, 1), kept); (got != "") != (seconds == 80) {
			t.Errorf("%v: %q", seconds, got)
		}
	}
}
