package verifytarget

import (
	"fmt"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// TestVerifyProgress: the listing of --reverse is a part of the whole, so that 100 % are not shown
// while it goes on.
func TestVerifyProgress(t *testing.T) {
	a := &archive.Archive{Manifest: &format.Manifest{Totals: []format.Total{{Stats: format.Stats{Keys: 100}}}}}
	v := &comparison{Options: Options{Reverse: true}, dump: a}
	shot := v.snapshot(1000)
	for _, step := range []struct {
		read, names int64
		want        string
	}{{0, 0, "0.000"}, {500, 0, "0.385"}, {500, 0, "0.769"}, {0, 50, "0.885"}, {0, 500, "0.999"}} {
		v.read.Add(step.read)
		v.names.Add(step.names)
		if got := formatShare(shot().Done); got != step.want {
			t.Errorf("after %v: %s", step, got)
		}
	}
}

func formatShare(f float64) string { return fmt.Sprintf("%.3f", f) }
