package journal

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// TestLateSegment: what a killed run had sent of its journal to a bucket, a segment or all of it
// anew, arrives before the next reads it, before that writes, when it has written, and when it is
// done. Each run finds what the one before knew, or had made sure of.
func TestLateSegment(t *testing.T) {
	s := s3server.Start(t)
	at := func(n int64) Position { return Position{Checkpoint: checkpoint.Checkpoint{Record: n}} }
	for _, what := range []string{"begin", "segment", "rewrite"} {
		for _, when := range []string{"before it reads", "when it has read", "when it has written", "when it is done"} {
			t.Run(what+" "+when, func(t *testing.T) {
				if err := os.RemoveAll(s.Dir("state")); err != nil {
					t.Fatal(err)
				}
				open := func() (*Journal, func()) {
					t.Helper()
					ctx, cancel := context.WithCancel(t.Context())
					b, err := storage.CreateBucket(ctx, s.URL("state"), storage.Options{Wait: time.Millisecond})
					if err != nil {
						t.Fatal(err)
					}
					j, err := OpenStore(b, Options{Every: 1, Sync: 1})
					if err != nil {
						t.Fatal(err)
					}
					return j, func() { cancel(); _ = j.lock.Unlock() }
				}
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				j, kill := open()
				if what != "begin" {
					_, err := j.Begin(bound(), true, "")
					must(err)
					must(j.Unit("u").Sending(100))
					must(j.Unit("u").Reach(at(10)))
				}
				late := s.Hold(nil, "PUT /dumps/state/journal/")
				failed := make(chan error, 1)
				go func() {
					switch what {
					case "begin":
						_, err := j.Begin(bound(), true, "")
						failed <- err
					case "segment":
						failed <- j.Unit("u").Reach(at(20))
					default:
						j.mu.Lock()
						j.units["u"].position = at(20)
						failed <- j.rewrite()
						j.mu.Unlock()
					}
				}()
				<-late.Sent
				kill()
				if err := <-failed; err == nil {
					t.Fatal("it was answered")
				}
				s.SetFault(nil)
				arrive := func(now string) {
					if when == now {
						late.Arrive(t)
					}
				}
				arrive("before it reads")
				j, kill = open()
				arrive("when it has read")
				if j.Began().IsZero() {
					_, err := j.Begin(bound(), true, "")
					must(err)
				}
				knew := j.Unit("u").Position()
				if want := map[bool]int64{true: 20, false: 10}[when == "before it reads"]; what != "begin" && knew.Record != want {
					t.Errorf("it begins at record %d, not %d", knew.Record, want)
				}
				must(j.SetIdle(false))
				arrive("when it has written")
				must(j.Unit("v").Sending(7))
				kill()
				arrive("when it is done")
				j, kill = open()
				defer kill()
				if got := j.Unit("u").Position(); got.Record != knew.Record {
					t.Errorf("the one after begins at record %d, not %d", got.Record, knew.Record)
				}
				if got := j.Unit("v").Sent(); got != 7 {
					t.Errorf("it knows of %d records, not 7", got)
				}
			})
		}
	}
	if names := fmt.Sprint(s.Objects(t, "state")); strings.Contains(names, ".claim") {
		t.Error(names)
	}
}
