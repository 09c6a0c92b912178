package reader

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestSplit splits a pass at every page while it is made, and the passes that come off it as
// well: together they give each key once.
func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, key := range map[string]func(i int) string{
		"numbered": func(i int) string { return fmt.Sprintf("key:%06d", i) },
		"random":   func(int) string { return randomKey(rng, true) + randomKey(rng, true) },
		"clumps":   func(i int) string { return fmt.Sprintf("%c:%s%d", 'a'+25*(i%2), "same-for-all-of-them:", i) },
	} {
		t.Run(name, func(t *testing.T) {
			srv, c := startSim(t, pikasim.Options{})
			want := map[string]bool{}
			for i := range 500 {
				k := key(i)
				want[k] = true
				mustDo(t, c, "SET", k, "x")
			}
			s := open(t, Options{Addr: srv.Addr(), PageKeys: 5})
			first := NewPass(0, format.TypeString, nil, nil)
			todo := []*Pass{first}
			var got []string
			splits := 0
			for len(todo) > 0 {
				pass := todo[0]
				todo = todo[1:]
				g := &splitting{gathered: newGathered(t), s: s, pass: pass}
				if err := s.Scan(t.Context(), pass, g); err != nil {
					t.Fatal(err)
				}
				for _, k := range g.keys {
					if end := pass.End(); k < string(pass.Start) || end != nil && k >= string(end) {
						t.Errorf("key %q outside its pass", k)
					}
				}
				got = append(got, g.keys...)
				splits += len(g.off)
				todo = append(todo, g.off...)
			}
			slices.Sort(got)
			if len(got) != len(want) || len(slices.Compact(got)) != len(want) {
				t.Errorf("%d keys, want %d", len(got), len(want))
			}
			if splits < 3 {
				t.Errorf("only %d splits", splits)
			}
			// Each split makes one end that there was not before.
			if n := srv.Commands()["pkrscanrange"]; n == 0 || n > int64(splits)+1 {
				t.Errorf("the last key was looked for %d times over %d splits", n, splits)
			}
		})
	}
}

// splitting splits its pass now and then.
type splitting struct {
	*gathered
	s    *Scanner
	pass *Pass
	off  []*Pass
	n    atomic.Int64
}

func (g *splitting) Record(r *format.Record) error {
	if g.n.Add(1)%40 == 1 {
		off, err := g.s.Split(g.t.Context(), g.pass)
		if err != nil {
			return err
		}
		if off != nil {
			g.off = append(g.off, off)
		}
	}
	return g.gathered.Record(r)
}

func TestMiddle(t *testing.T) {
	for _, tc := range [][2]string{{"", "a"}, {"a", "b"}, {"key:1", "key:2"}, {"abc", "abd"}, {"", "\xff\xff"}, {"a", "a\x00\x00\x00\x00\x01"}} {
		mid := middle([]byte(tc[0]), []byte(tc[1]))
		if mid == nil || bytes.Compare(mid, []byte(tc[0])) <= 0 || bytes.Compare(mid, []byte(tc[1])) >= 0 {
			t.Errorf("middle of %q and %q: %q", tc[0], tc[1], mid)
		}
	}
	for _, tc := range [][2]string{{"a", "a"}, {"b", "a"}, {"a", "a\x00"}} {
		if mid := middle([]byte(tc[0]), []byte(tc[1])); mid != nil {
			t.Errorf("middle of %q and %q: %q", tc[0], tc[1], mid)
		}
	}
}
