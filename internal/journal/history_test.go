package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// TestHistory: how the load went is there after a restart, also when the log was written anew, and
// of a journal that was written before there was one the runs are.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	_, err := j.Begin(bound(), true, "")
	must(t, err)
	for i := range int64(3) {
		u := j.Unit(fmt.Sprint("unit ", i))
		must(t, u.Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 1, Stats: checkpoint.Stats{Keys: 1, Bytes: 10}}}))
		must(t, u.Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 9, Stats: checkpoint.Stats{Keys: 9, Bytes: 90}}}))
		must(t, u.Done())
	}
	j.Retried(7)
	must(t, j.SetIdle(true))
	must(t, j.SetIdle(false))
	must(t, j.Unit("four").Reach(Position{Checkpoint: checkpoint.Checkpoint{Record: 5, Stats: checkpoint.Stats{Keys: 5, Bytes: 50}}}))
	want := j.History()
	if n := len(want.Moments); n == 0 || want.Moments[n-1].Keys != 32 || want.Moments[n-1].Bytes != 320 {
		t.Errorf("%+v", want.Moments)
	}
	if s := want.Spans; len(s) != 2 || s[0].Retries != 7 || s[0].Ended.IsZero() || !s[1].Ended.IsZero() {
		t.Errorf("%+v", want.Spans)
	}
	must(t, j.Close())
	again := func(what string) {
		t.Helper()
		j := open(t, dir)
		if got := j.History(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
		j.mu.Lock()
		must(t, j.rewrite())
		j.mu.Unlock()
		must(t, j.Close())
	}
	again("after a restart")
	again("written anew")
	again("written anew twice")
	j = open(t, dir)
	must(t, j.Unit("four").Done())
	must(t, j.Finish())
	if h := j.History(); h.Moments[len(h.Moments)-1].Keys != 32 || h.Spans[1].Ended.IsZero() {
		t.Errorf("%+v", h)
	}
	must(t, j.Close())

	name := filepath.Join(dir, Name)
	data, err := os.ReadFile(name)
	must(t, err)
	data = regexp.MustCompile(`"history":\{.*?\]\},|"at":\d+,`).ReplaceAll(data, nil)
	must(t, os.WriteFile(name, data, 0o600))
	j = open(t, dir)
	defer j.Close()
	if h := j.History(); len(h.Moments) != 0 || len(h.Spans) != 1 || h.Spans[0].Ended.IsZero() || j.Stats().Keys != 32 {
		t.Errorf("of an old journal: %+v", h)
	}
}

// TestHistoryIsBounded: however long a load takes, and in how small steps.
func TestHistoryIsBounded(t *testing.T) {
	var r recorder
	u := &unit{}
	begun := time.Unix(1_800_000_000, 0).UTC()
	for i := range 200_000 {
		u.position.Stats.Keys = int64(i)
		r.reach(&u.noted, u.position.Stats, begun.Add(time.Duration(i)*time.Second/3).UnixMilli())
	}
	n := len(r.Moments)
	if n > mostMoments || n < mostMoments/4 || !r.Moments[0].At.Equal(begun) || r.Moments[n-1].Keys != 199_999 {
		t.Fatalf("%d moments, the last %+v", n, r.Moments[n-1])
	}
	for i := 1; i < n; i++ {
		if gap := r.Moments[i].At.Sub(r.Moments[i-1].At); gap <= 0 || gap > 20*time.Minute {
			t.Errorf("%v between %d and the next", gap, i)
		}
	}
	for range 3 * mostSpans {
		r.begin(begun)
	}
	if len(r.Spans) != mostSpans {
		t.Errorf("%d spans", len(r.Spans))
	}
}
