package dump

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
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
	sched.running = map[*reader.Pass]int{ended: 0, low: 1, rare: 2, high: 3}
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

// TestResize: who may not work gets no pass, and what is cut off its own is for the others.
func TestResize(t *testing.T) {
	a, b := reader.NewPass(0, format.TypeString, nil, nil), reader.NewPass(0, format.TypeHash, nil, nil)
	sched := newSchedule([]*reader.Pass{a, b}, nil, 0)
	sched.resize(1)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := sched.next(over, 1); p != nil || err == nil {
		t.Fatalf("a second worker gets %v, %v", p, err)
	}
	got := make(chan *reader.Pass)
	go func() {
		p, _ := sched.next(t.Context(), 1)
		got <- p
	}()
	sched.resize(2)
	if p := <-got; p != a {
		t.Fatalf("a second worker that may work gets %v", p)
	}
	sched.resize(1)
	if string(a.End()) != "\x00" {
		t.Errorf("its pass goes on to %q", a.End())
	}
	for _, start := range []string{"", "\x00"} {
		if p, err := sched.next(t.Context(), 0); err != nil || string(p.Start) != start {
			t.Errorf("the first worker gets %+v, %v", p, err)
		}
	}
}

// TestResizeMidway: a pass that is cut while it is made, again and again, and what was cut off it,
// read every key once.
func TestResizeMidway(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		srv := smallpika.StartEmpty(t, pikasim.Options{Version: v})
		c := smallpika.Client(t, srv.Addr())
		for i := range 500 {
			if err := c.SAdd(t.Context(), fmt.Sprintf("k%03d", i), "m").Err(); err != nil {
				t.Fatal(err)
			}
		}
		s, err := reader.Open(t.Context(), reader.Options{Addr: srv.Addr(), PageKeys: 7})
		if err != nil {
			t.Fatal(err)
		}
		sched := newSchedule([]*reader.Pass{reader.NewPass(0, format.TypeSet, nil, nil)}, nil, 0)
		read, passes := map[string]int{}, 0
		for number := 1; ; passes++ {
			sched.workers = 0
			p, err := sched.next(t.Context(), number)
			if err != nil {
				t.Fatal(err)
			}
			if p == nil {
				break
			}
			n := 0
			if err := s.Scan(t.Context(), p, eachKey(func(key string) {
				if read[key]++; n == 40 {
					sched.resize(1) // this worker may not
				}
				n++
			})); err != nil {
				t.Fatal(err)
			}
			sched.done(p)
		}
		if len(read) != 500 || passes < 8 {
			t.Errorf("%v: %d keys in %d passes", v, len(read), passes)
		}
		for key, n := range read {
			if n != 1 {
				t.Errorf("%v: %s was read %d times", v, key, n)
			}
		}
	}
}

// eachKey is a sink that is told of each key.
type eachKey func(key string)

func (f eachKey) Record(r *format.Record) error          { f(string(r.Key)); return nil }
func (eachKey) Skip([]byte, reader.Reason, string) error { return nil }
func (eachKey) Drop([]byte, reader.Reason) error         { return nil }
