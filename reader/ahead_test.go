package reader

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// An aheadSink waits at its first record until the server was asked for more.
type aheadSink struct {
	*gathered
	asked func() bool
}

func (s *aheadSink) Record(r *format.Record) error {
	for start := time.Now(); len(s.keys) == 0 && !s.asked(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			return errors.New("nothing more was asked for while the sink was at work")
		}
	}
	return s.gathered.Record(r)
}

// TestAhead: while the sink is at work the server has the next request, but not where a pacer
// wants to decide first.
func TestAhead(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	for i := range 40 {
		mustDo(t, c, "SET", fmt.Sprintf("k%02d", i), "v")
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 8})
	before := srv.Commands()["pkscanrange"]
	// The first page, the second with the keys of the first, and the third.
	sink := &aheadSink{newGathered(t), func() bool { return srv.Commands()["pkscanrange"] >= before+3 }}
	if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), sink); err != nil {
		t.Error(err)
	}
	s = open(t, Options{Addr: srv.Addr(), PageKeys: 8, Pacer: &heldUp{}})
	before = srv.Commands()["pkscanrange"]
	sink = &aheadSink{newGathered(t), func() bool { return true }}
	check := &checkSink{sink, func() {
		if n := srv.Commands()["pkscanrange"] - before; n != 2 {
			t.Errorf("with a pacer, %d pages were asked for before the first key was handed over", n)
		}
	}}
	if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), check); err != nil {
		t.Error(err)
	}
}

// A checkSink calls first before the first record.
type checkSink struct {
	*aheadSink
	first func()
}

func (s *checkSink) Record(r *format.Record) error {
	if len(s.keys) == 0 {
		s.first()
	}
	return s.aheadSink.Record(r)
}

// TestCutAnywhere: wherever the connection is cut once, with a pipeline ahead or in the pieces of a
// large key, the pass goes on and hands over the same.
func TestCutAnywhere(t *testing.T) {
	var sent, at atomic.Int64 // commands since at was set; which one is cut
	srv, c := startSim(t, pikasim.Options{Intercept: func(int, [][]byte) ([]byte, bool, bool) {
		return nil, false, at.Load() > 0 && sent.Add(1) == at.Load()
	}})
	for i := range 12 {
		for j := range 1 + i%3*5 {
			mustDo(t, c, "HSET", fmt.Sprintf("k%02d", i), fmt.Sprint("field", j), bytes.Repeat([]byte("v"), 10))
		}
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 4, BatchKeys: 3, PieceElements: 4})
	want := scanPass(t, s, NewPass(0, format.TypeHash, nil, nil))
	at.Store(1 << 40)
	scanPass(t, s, NewPass(0, format.TypeHash, nil, nil))
	total := sent.Load()
	if len(want.keys) != 12 || total < 40 {
		t.Fatalf("%d keys in %d commands", len(want.keys), total)
	}
	for n := int64(5); n <= total; n++ { // the first four open the connection
		sent.Store(0)
		at.Store(n)
		got := scanPass(t, s, NewPass(0, format.TypeHash, nil, nil))
		if !slices.Equal(got.keys, want.keys) || fmt.Sprint(got.values) != fmt.Sprint(want.values) || len(got.skipped) > 0 {
			t.Fatalf("cut at command %d of %d: %d keys, skipped %v", n, total, len(got.keys), got.skipped)
		}
	}
}
