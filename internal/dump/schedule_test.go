package dump

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Record(*format.Record) error              { return nil }
func (nothing) Skip([]byte, reader.Reason, string) error { return nil }
func (nothing) Drop([]byte, reader.Reason) error         { return nil }

// TestScheduleLongest: it is the type that has listed the most, in all of its passes, that is
// split, not a rare one of which a single pass has listed more since it was split.
func TestScheduleLongest(t *testing.T) {
	srv, err := pikasim.Start(pikasim.Options{Version: pikasim.V401})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	c := redis.NewClient(&redis.Options{Addr: srv.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	for i := range 200 {
		err := c.Set(t.Context(), fmt.Sprintf("s%03d", i), "x", 0).Err()
		if err == nil && i < 120 {
			err = c.HSet(t.Context(), fmt.Sprintf("h%03d", i), "f", "v").Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := reader.Open(t.Context(), reader.Options{Addr: srv.Addr(), PageKeys: 10})
	if err != nil {
		t.Fatal(err)
	}
	scan := func(typ format.Type, from, to string) *reader.Pass {
		p := reader.NewPass(0, typ, []byte(from), []byte(to))
		if err := s.Scan(t.Context(), p, nothing{}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ended, low, high := scan(format.TypeString, "s000", "s050"), scan(format.TypeString, "s050", "s110"), scan(format.TypeString, "s110", "s200")
	rare := scan(format.TypeHash, "h000", "h120")
	sched := newSchedule(nil, s.Split, 50)
	sched.running = []*reader.Pass{ended, low, rare, high}
	sched.done(ended)
	if p := sched.longest(); p != high {
		t.Errorf("%v is to be split", p)
	}
	sched.least = 100
	if p := sched.longest(); p != nil {
		t.Errorf("%v is to be split, which has listed too little", p)
	}
	sched.done(low)
	sched.done(high)
	if p := sched.longest(); p != rare {
		t.Errorf("%v is to be split", p)
	}
}
