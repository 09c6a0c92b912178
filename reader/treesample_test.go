package reader

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestTreeSample: the estimate is right on average, and exact where all leaves are picked.
func TestTreeSample(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const keys = 4000
	for name, key := range map[string]func(i int) string{
		"numbered": func(i int) string { return fmt.Sprintf("key:%07d", i) },
		"random":   func(int) string { return fmt.Sprintf("%016x", rng.Uint64()) },
		"prefixes": func(i int) string { return []string{"user:", "user:name:", "s", "log:2026-11-"}[i%4] + fmt.Sprint(i) },
		"nested":   func(i int) string { return fmt.Sprintf("%0*d", 1+i%9, i)[:1+i%9] },
	} {
		t.Run(name, func(t *testing.T) {
			srv, c := startSim(t, pikasim.Options{})
			p := c.Pipeline()
			distinct := map[string]bool{"": true}
			for i := range keys {
				k := key(i)
				if i == 0 {
					k = ""
				}
				distinct[k] = true
				p.Do(t.Context(), "SET", k, "x")
			}
			if _, err := p.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := open(t, Options{Addr: srv.Addr()})
			count := func(picks int, seed uint64) float64 {
				read := 0
				o := TreeSampleOptions{Picks: picks, LeafKeys: 1, Seed: seed}
				n, err := s.TreeSample(t.Context(), 0, format.TypeString, o, func(weight float64, k Sampled) error {
					read++
					if k.Length != 1 || string(k.Record.Value) != "x" || weight < 1 {
						t.Errorf("key %q of length %d and weight %v", k.Record.Key, k.Length, weight)
					}
					return nil
				})
				if err != nil || read == 0 {
					t.Fatal(read, err)
				}
				return n
			}
			if got := count(keys, 1); int(got+0.5) != len(distinct) {
				t.Errorf("all leaves: %v keys, want %d", got, len(distinct))
			}
			mean := 0.0
			for seed := range uint64(4) {
				mean += count(24, seed) / 4
			}
			if ratio := mean / float64(len(distinct)); ratio < 0.75 || ratio > 1.25 {
				t.Errorf("estimate %.0f of %d keys", mean, len(distinct))
			}
		})
	}
}

// TestTreePages: small subtrees that lie side by side are listed by one page, not by two each.
func TestTreePages(t *testing.T) {
	var pages atomic.Int64
	srv, c := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if string(args[0]) == "PKSCANRANGE" {
			pages.Add(1)
		}
		return nil, false, false
	}})
	for i := range 100 {
		mustDo(t, c, "SADD", fmt.Sprintf("%c", 'A'+i), "m")
	}
	s := open(t, Options{Addr: srv.Addr()})
	pages.Store(0)
	n, err := s.TreeSample(t.Context(), 0, format.TypeSet, TreeSampleOptions{Picks: 24, LeafKeys: 1}, func(float64, Sampled) error { return nil })
	if err != nil || n != 100 || pages.Load() > 12 {
		t.Errorf("%v keys by %d pages, %v", n, pages.Load(), err)
	}
}

// TestTreeSampleCut: many names that a 4.0 lists as one end the walk as others do.
func TestTreeSampleCut(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	p := c.Pipeline()
	for i := range 300 {
		p.Do(t.Context(), "SET", fmt.Sprintf("cut\x00%d", i), "x")
		p.Do(t.Context(), "SET", fmt.Sprintf("\x00%d", i), "x")
		p.Do(t.Context(), "SET", fmt.Sprintf("str:%d", i), "x")
	}
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Addr: srv.Addr()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it took for ever
	defer cancel()
	n, err := s.TreeSample(ctx, 0, format.TypeString, TreeSampleOptions{Picks: 100, LeafKeys: 1}, func(float64, Sampled) error { return nil })
	if err != nil || n < 300 || n > 900 {
		t.Error(n, err)
	}
}

// TestSampledTypes: a name counts for the types that have it. The empty one counts no other names,
// though a range that ends in it is that of all keys.
func TestSampledTypes(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{})
	for _, command := range [][]any{{"SET", "twice", "x"}, {"HSET", "twice", "f", "x"}, {"HSET", "other", "f", "x"}, {"SET", "", "x"}} {
		if err := c.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s, got := open(t, Options{Addr: srv.Addr()}), map[string]int{}
	_, err := s.TreeSample(t.Context(), 0, format.TypeString, TreeSampleOptions{Picks: 9, LeafKeys: 9, Types: 9}, func(_ float64, k Sampled) error {
		got[string(k.Record.Key)] = k.Types
		return nil
	})
	if err != nil || got["twice"] != 2 || got[""] != 1 {
		t.Errorf("types by name: %v, %v", got, err)
	}
}
