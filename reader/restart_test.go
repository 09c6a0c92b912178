package reader

import (
	"errors"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestAnotherPika: when the address leads to another Pika, nothing of that one is read, unless it
// can be the same restarted.
func TestAnotherPika(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V303, pikasim.V340, pikasim.V355, pikasim.V401} {
		for _, x := range []struct {
			name    string
			sets    int // on the other one; there are 10 on the first, if it is no replica
			first   pikasim.Options
			other   pikasim.Options
			refused string
		}{
			{"restored empty", 0, pikasim.Options{}, pikasim.Options{}, "the binlog of db0 was at"},
			{"behind", 9, pikasim.Options{}, pikasim.Options{}, "the binlog of db0 was at"},
			{"not behind", 10, pikasim.Options{}, pikasim.Options{}, ""},
			{"no replica", 10, pikasim.Options{Replica: true}, pikasim.Options{}, `the role from "slave" to "master"`},
			{"more databases", 10, pikasim.Options{}, pikasim.Options{Databases: 2}, "the number of binlogs from 1 to 2"},
		} {
			if v != pikasim.V355 && v != pikasim.V401 && x.sets == 10 && x.refused != "" { // no run id, and one process_id
				continue
			}
			t.Run(string(v)+" "+x.name, func(t *testing.T) {
				x.first.Version, x.other.Version = v, v
				first, c := startSim(t, x.first)
				second, d := startSim(t, x.other)
				want := 0
				for i := range 10 {
					if !x.first.Replica {
						want = 1
						mustDo(t, c, "SET", "first", i)
					}
					if i < x.sets {
						mustDo(t, d, "SET", "other", i)
					}
				}
				p, err := faultproxy.Start(first.Addr(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				s := open(t, Options{Addr: p.Addr(), RetryFor: 0})
				p.SetTarget(second.Addr())
				p.Cut()
				g := newGathered(t)
				err = s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), g)
				if x.refused == "" {
					if err != nil || len(g.keys) != 1 {
						t.Errorf("%v, %v", g.keys, err)
					}
					return
				}
				if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), x.refused) || len(g.keys) != 0 {
					t.Errorf("%v, %v", g.keys, err)
				}
				if _, err := s.BinlogPositions(t.Context()); !errors.Is(err, ErrRefused) {
					t.Errorf("at the end: %v", err)
				}
				p.SetTarget(first.Addr())
				if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), g); err != nil || len(g.keys) != want || s.Restarted() {
					t.Errorf("back at the first one: %v, %v", g.keys, err)
				}
			})
		}
	}
}

// TestTwoPikas: two that answer in turn are not one that was restarted.
func TestTwoPikas(t *testing.T) {
	first, _ := startSim(t, pikasim.Options{})
	second, _ := startSim(t, pikasim.Options{})
	p, err := faultproxy.Start(first.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s := open(t, Options{Addr: p.Addr()})
	p.SetTarget(second.Addr())
	if _, err := s.BinlogPositions(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.SetTarget(first.Addr())
	if _, err := s.BinlogPositions(t.Context()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "two servers answer there in turn") {
		t.Error(err)
	}
}

// TestLateSighting: answers that overtake one another are not a binlog that goes back, nor two
// servers.
func TestLateSighting(t *testing.T) {
	at := func(run string, offset int64) sighting {
		return sighting{format.Source{RunID: run, Binlog: []format.BinlogPosition{{Offset: offset}}}, 1}
	}
	i := &identity{last: at("a", 10), past: map[string]bool{}}
	then := i.seen()
	for _, now := range []sighting{at("a", 30), at("a", 20), at("b", 40), at("a", 25)} {
		if err := i.see("", then, now); err != nil {
			t.Fatal(err)
		}
	}
	if last := i.seen(); last.RunID != "b" || last.Binlog[0].Offset != 40 || i.restarts.Load() != 1 {
		t.Errorf("%+v, %d restarts", last, i.restarts.Load())
	}
	if err := i.see("", i.seen(), at("b", 39)); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}
