package dump

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestPaced: a run within all of its limits ends as any other.
func TestPaced(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	out := newDir(t)
	r := makeDump(t, s.Addr(), out, func(o *Options) {
		o.Limits = pace.Limits{Keys: 1e6, Bytes: 1 << 30, LatencyFactor: 1e5}
		o.Reader.Latency = time.Second
		for _, text := range []string{"00:00-12:00", "12:00-24:00", "08:00-09:00"} {
			w, err := pace.ParseWindow(text)
			if err != nil {
				t.Fatal(err)
			}
			o.Windows = append(o.Windows, w)
		}
	})
	r.ok(t, "the source answers PING in ")
	if strings.Contains(r.log, "paused") {
		t.Error(r.log)
	}
	if m, _ := smallpika.Dumped(t, out); len(m.Totals) == 0 {
		t.Error("the dump is empty")
	}
}

// TestLatencyLost: a source that does not answer when its latency is measured is one to try again.
func TestLatencyLost(t *testing.T) {
	var pings atomic.Int64
	s := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, strings.EqualFold(string(args[0]), "PING") && pings.Add(1) == 6
	}})
	makeDump(t, s.Addr(), newDir(t), func(o *Options) { o.Limits.LatencyFactor = 3 }).
		failed(t, reader.ErrUnavailable, "measure the source's latency", "connection lost at PING")
}
