package writer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

var errStopped = errors.New("stopped")

// A history is what a journal keeps of a load that is stopped.
type history struct {
	points  []checkpoint.Checkpoint
	asked   int64
	existed map[int64]bool
}

// job loads list from a point on, and stops at the point of that number; negative: never.
func (h *history) job(list []format.Record, from checkpoint.Checkpoint, stop int) Job {
	return Job{
		Source: source(list[from.Record:]...), From: from, Asked: h.asked, Existed: func(n int64) bool { return h.existed[n] },
		Reached: func(p checkpoint.Checkpoint) error {
			h.points = append(h.points, p)
			if len(h.points) == stop {
				return errStopped
			}
			return nil
		},
		Found: func(asked int64, existed []int64) error {
			h.asked = max(h.asked, asked)
			for _, n := range existed {
				h.existed[n] = true
			}
			return nil
		},
	}
}

// loadJob loads a job over a connection of its own.
func loadJob(t *testing.T, l *Loader, job Job) error {
	t.Helper()
	w, err := l.NewWorker(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Load(t.Context(), job)
	w.Close()
	return err
}

// resumable are keys of every kind, in one part and in several.
func resumable() (list, keys []format.Record) {
	const n = 120 // elements of the large ones
	for i, r := range append(large(), oneOfEach()...) {
		parts := 1
		switch {
		case i < 12 && i%2 == 0: // every other large one is enough
			continue
		case len(r.Elems) > n:
			parts, r.Elems = 7, r.Elems[:n]
			if r.Scores != nil {
				r.Scores = r.Scores[:n]
			}
		case len(r.Entries) > n:
			parts, r.Entries, r.State = 7, r.Entries[:n], &format.StreamState{LastID: id(n, 0), EntriesAdded: n}
		case len(r.Value) > 100_000:
			parts = 3
		case i%9 > 0:
			continue
		}
		keys = append(keys, r)
		list = append(list, cut(r, parts)...)
	}
	return list, keys
}

// TestLoadFrom goes on from every point of a load whose target is ahead of the point by none, some
// or all of what followed: in the end everything is there once, and is counted once.
func TestLoadFrom(t *testing.T) {
	list, keys := resumable()
	for _, onExists := range []OnExists{Fail, Replace, Skip} {
		t.Run(onExists.String(), func(t *testing.T) {
			each(t, func(t *testing.T, addr string, c *redis.Client) {
				l := open(t, Options{Target: target.Options{Addr: addr}, OnExists: onExists, BatchCommands: 16, BatchBytes: 2000, CommandElements: 8, RawBytes: 2000})
				begin := func() *history {
					if err := c.FlushDB(t.Context()).Err(); err != nil {
						t.Fatal(err)
					}
					for i := 0; onExists != Fail && i < len(keys); i += 3 {
						if err := c.Do(t.Context(), "RPUSH", keys[i].Key, "was", "there").Err(); err != nil {
							t.Fatal(err)
						}
					}
					return &history{existed: map[int64]bool{}}
				}
				whole := begin()
				if err := loadJob(t, l, whole.job(list, checkpoint.Checkpoint{}, -1)); err != nil {
					t.Fatal(err)
				}
				points := whole.points
				total := points[len(points)-1].Stats
				inside := 0
				aheads := []int{1, len(points)}
				if onExists == Fail {
					aheads = []int{0, 1, 2}
				}
				step := 1
				if testing.Short() && len(points) > 50 {
					step = 4
				}
				for at := -1; at < len(points); at += step {
					for _, ahead := range aheads {
						h := begin()
						if err := loadJob(t, l, h.job(list, checkpoint.Checkpoint{}, at+1+ahead)); err != nil && !errors.Is(err, errStopped) {
							t.Fatal(err)
						}
						from := checkpoint.Checkpoint{}
						if at >= 0 {
							from = points[at]
						}
						if from.Open != nil {
							inside++
						}
						what := fmt.Sprintf("point %d of %d (%d records, open %+v), the target %d ahead", at, len(points), from.Record, from.Open, ahead)
						goOn(t, l, h, list, from, what)
						if got := h.points[len(h.points)-1].Stats; !sameStats(got, total) {
							t.Fatalf("%s: %+v, want %+v", what, got, total)
						}
						for i := range keys {
							if onExists == Skip && i%3 == 0 {
								if got, err := c.LRange(t.Context(), string(keys[i].Key), 0, -1).Result(); !slices.Equal(got, []string{"was", "there"}) {
									t.Errorf("%s: %q was overwritten: %q, %v", what, keys[i].Key, got, err)
								}
								continue
							}
							compare(t, c, &keys[i])
						}
						if t.Failed() {
							t.Fatal(what)
						}
					}
				}
				if inside == 0 {
					t.Error("no point lies inside a key")
				}
				t.Logf("%d points, %d times inside a key", len(points), inside)
			})
		})
	}
}

// goOn ends a load from a point on, as carriers do.
func goOn(t *testing.T, l *Loader, h *history, list []format.Record, from checkpoint.Checkpoint, what string) {
	t.Helper()
	for range 3 {
		job := h.job(list, from, -1)
		job.Sent = math.MaxInt64
		err := loadJob(t, l, job)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrUnequal) {
			t.Fatalf("%s: %v", what, err)
		}
		from = from.Beginning()
	}
	t.Fatalf("%s: never equal", what)
}

// sameStats compares what a load counts of the dump; how many commands it took may differ.
func sameStats(a, b checkpoint.Stats) bool {
	return a.Keys == b.Keys && a.Elements == b.Elements && a.Bytes == b.Bytes && a.Expired == b.Expired && a.LeftOut[ReasonExists] == b.LeftOut[ReasonExists]
}
