package reader

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A cutter closes the connection at commands that ask for more than they may, as Pika does when
// they run longer than its timeout.
type cutter struct {
	mu   sync.Mutex
	most map[string]int // per command: largest LIMIT or COUNT that is answered
	cuts atomic.Int64
}

func (k *cutter) intercept(_ int, args [][]byte) ([]byte, bool, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	most, ok := k.most[strings.ToLower(string(args[0]))]
	if !ok {
		return nil, false, false
	}
	if n, err := strconv.Atoi(string(args[len(args)-1])); err == nil && n <= most {
		return nil, false, false
	}
	k.cuts.Add(1)
	return nil, false, true
}

// TestCutByTimeout: where the server closes the connection during a command, the pass asks for less
// and goes on from the same key.
func TestCutByTimeout(t *testing.T) {
	for _, x := range []struct {
		typ  format.Type
		most map[string]int
	}{
		{format.TypeString, map[string]int{"pkscanrange": 5}},
		{format.TypeString, map[string]int{"pkscanrange": 1}},
		{format.TypeHash, map[string]int{"pkhscanrange": 4}},
		{format.TypeSet, map[string]int{"sscan": 1, "pkscanrange": 30}},
		{format.TypeStream, map[string]int{"xrange": 3}},
	} {
		t.Run(fmt.Sprint(x.typ, x.most), func(t *testing.T) {
			k := &cutter{}
			srv, c := startSim(t, pikasim.Options{Intercept: k.intercept})
			for i := range 100 {
				key := fmt.Sprintf("key:%03d", i)
				mustDo(t, c, "SET", key, "v")
				if i%10 == 0 {
					for j := range 40 {
						mustDo(t, c, "HSET", key, j, "v")
						mustDo(t, c, "SADD", key, j)
						mustDo(t, c, "XADD", key, fmt.Sprintf("1-%d", j+1), "f", "v")
					}
				}
			}
			s := open(t, Options{Addr: srv.Addr(), PieceElements: 16})
			want := scanPass(t, s, NewPass(0, x.typ, nil, nil))
			k.mu.Lock()
			k.most = x.most
			k.mu.Unlock()
			got := scanPass(t, s, NewPass(0, x.typ, nil, nil))
			if k.cuts.Load() == 0 {
				t.Error("nothing was cut")
			}
			if !slices.Equal(got.keys, want.keys) || fmt.Sprint(got.values) != fmt.Sprint(want.values) || fmt.Sprint(got.skipped) != fmt.Sprint(want.skipped) {
				t.Errorf("%d keys, want %d; skipped %v", len(got.keys), len(want.keys), got.skipped)
			}
		})
	}
}

// TestCutAlways: it gives up after a bounded number of times, and says what to do.
func TestCutAlways(t *testing.T) {
	for typ, most := range map[format.Type]map[string]int{
		format.TypeString: {"pkscanrange": 0}, format.TypeHash: {"pkhscanrange": 0}, format.TypeStream: {"xrange": 0},
	} {
		k := &cutter{}
		srv, c := startSim(t, pikasim.Options{Intercept: k.intercept})
		mustDo(t, c, "SET", "a", "v")
		mustDo(t, c, "HSET", "a", "f", "v")
		mustDo(t, c, "XADD", "a", "1-1", "f", "v")
		s := open(t, Options{Addr: srv.Addr()})
		k.mu.Lock()
		k.most = most
		k.mu.Unlock()
		err := s.Scan(t.Context(), NewPass(0, typ, nil, nil), newGathered(t))
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "the source's timeout is 1m0s: CONFIG SET timeout 0") {
			t.Errorf("%s: error %v", typ, err)
		}
		if k.cuts.Load() > maxLost+1 {
			t.Errorf("%s: %d connections lost", typ, k.cuts.Load())
		}
	}
}

// TestCutByCursor: SCAN is asked again for less, and its place is the one before.
func TestCutByCursor(t *testing.T) {
	k := &cutter{}
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V302, Intercept: k.intercept})
	for i := range 100 {
		mustDo(t, c, "SET", fmt.Sprintf("key:%03d", i), "v")
	}
	s := open(t, Options{Addr: srv.Addr()})
	s.scanCount = 30
	k.mu.Lock()
	k.most = map[string]int{"scan": 20}
	k.mu.Unlock()
	g := scanTypes(t, s, []format.Type{format.TypeString})[format.TypeString]
	if len(g.keys) != 100 || !slices.IsSorted(g.keys) || k.cuts.Load() == 0 {
		t.Errorf("%d keys, %d cuts", len(g.keys), k.cuts.Load())
	}
}
