package verifytarget

import (
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// TestVerifyProgress: the listing of --reverse is a part of the whole, so that 100 % are not shown
// while it goes on.
func TestVerifyProgress(t *testing.T) {
	a := &archive.Archive{Manifest: &format.Manifest{Totals: []format.Total{{Stats: format.Stats{Keys: 100}, Stored: 1000}}}}
	m := progress.NewMeter()
	c := &comparison{Options: Options{Spec: load.Spec{Meter: m}, Reverse: true}, dump: a}
	defer m.Begin("verify", 1)()
	m.Part(progress.Name{Type: "string"}).Expect(1000)
	_, keys := c.held(0)
	c.listing(0).Expect(c.listingWork(0, keys))
	for i, step := range []struct {
		read, names int64
		want        float64
	}{{0, 0, 0}, {500, 0, 500. / 1300}, {500, 0, 1000. / 1300}, {0, 50, 1150. / 1300}, {0, 500, 0.999}} {
		m.Part(progress.Name{Type: "string"}).Add(0, 0, step.read)
		c.listing(0).Add(0, 0, c.listingWork(0, step.names))
		if got := *m.Snapshot().Total.Share; got < step.want-0.001 || got > step.want+0.001 {
			t.Errorf("step %d: %f, want %f", i, got, step.want)
		}
	}
}
