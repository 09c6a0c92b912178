package reader

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

func TestLimit(t *testing.T) {
	type reply struct {
		bytes int
		took  time.Duration
		want  int
	}
	const ms = time.Millisecond
	for _, tc := range []struct {
		name    string
		replies []reply // to as many items as the limit says, which begins at 8
	}{
		{"grows fourfold", []reply{{80, ms, 32}, {320, ms, 128}, {1280, ms, 256}, {2560, ms, 256}}},
		{"by bytes", []reply{{80, ms, 32}, {1 << 20, ms, 32}, {4 << 20, ms, 8}, {64 << 20, ms, 1}, {1, ms, 4}}},
		{"by latency", []reply{{80, ms, 32}, {320, 500 * ms, 32}, {320, 2000 * ms, 8}, {80, 250 * ms, 16}, {160, 20_000 * ms, 1}, {10, 100 * ms, 4}}},
		{"by both", []reply{{8 << 20, 2000 * ms, 1}, {1 << 20, 400 * ms, 1}, {1 << 18, 100 * ms, 4}}},
		{"no time at all", []reply{{80, 0, 32}, {0, 0, 128}}},
	} {
		l := adaptiveLimit{n: 8, max: 256, target: 1 << 20}
		l.latency = 500 * ms
		for i, r := range tc.replies {
			n := l.n
			l.saw(n, r.bytes)
			l.lasted(n, r.took)
			if l.n != r.want {
				t.Errorf("%s: after reply %d the limit is %d, want %d", tc.name, i, l.n, r.want)
				break
			}
		}
		l.saw(0, 0)
		l.lasted(0, time.Hour)
		if want := tc.replies[len(tc.replies)-1].want; l.n != want {
			t.Errorf("%s: no items changed the limit to %d", tc.name, l.n)
		}
	}
}

// TestLatencyTarget: a pipeline never lasts longer than a third of the server's timeout.
func TestLatencyTarget(t *testing.T) {
	for _, tc := range []struct{ option, timeout, want time.Duration }{
		{0, 0, 500 * time.Millisecond},
		{0, 60 * time.Second, 500 * time.Millisecond},
		{0, time.Second, time.Second / 3},
		{time.Minute, 60 * time.Second, 20 * time.Second},
		{time.Minute, 0, time.Minute},
	} {
		s := &session{o: Options{Addr: "x", Latency: tc.option}, source: &ServerInfo{Timeout: tc.timeout}}
		if err := s.o.Check(); err != nil {
			t.Fatal(err)
		}
		if l := s.adaptiveLimit(8, 256); l.latency != tc.want || l.n != 8 || l.max != 256 || l.target != 1<<20 {
			t.Errorf("option %v, timeout %v: %+v", tc.option, tc.timeout, l)
		}
	}
	if (&Options{Addr: "x", Latency: -1}).Check() == nil {
		t.Error("a negative latency passes")
	}
}

// TestPieceLimit: how many elements of a key are asked for follows how large those of the keys
// before were, and begins small, also where it is read by name.
func TestPieceLimit(t *testing.T) {
	for _, tc := range []struct {
		field       int // bytes
		first, last int64
	}{{8, 64, 256}, {64 << 10, 64, 15}, {600 << 10, 64, 1}} {
		var asked []int64
		srv, c := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			if string(args[0]) == "PKHSCANRANGE" {
				n, _ := resp.ParseInt(args[len(args)-1])
				asked = append(asked, n)
			}
			return nil, false, false
		}})
		value := bytes.Repeat([]byte("v"), tc.field)
		var keys [][]byte
		for i := range 12 {
			keys = append(keys, fmt.Appendf(nil, "k%02d", i))
			for j := range 6 {
				mustDo(t, c, "HSET", string(keys[i]), fmt.Sprint(j), value)
			}
		}
		s := open(t, Options{Addr: srv.Addr()})
		asked = nil
		g := scanPass(t, s, NewPass(0, format.TypeHash, nil, nil))
		check := func(how string) {
			if len(asked) < len(keys) || asked[0] != tc.first || asked[len(asked)-1] != tc.last {
				t.Errorf("fields of %d bytes, %s: %d elements were asked for", tc.field, how, asked)
			}
			asked = nil
		}
		check("in a pass")
		k, err := s.NewKeyReader(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		named := newGathered(t)
		for i := range keys {
			if err := k.ReadKeys(t.Context(), format.TypeHash, keys[i:i+1], named); err != nil {
				t.Fatal(err)
			}
		}
		if tc.last == 256 { // one key at a time: it knows sooner
			tc.last = 512
		}
		check("by name")
		if len(g.keys) != len(keys) || fmt.Sprint(g.values) != fmt.Sprint(named.values) {
			t.Errorf("fields of %d bytes: %d keys, %d by name", tc.field, len(g.keys), len(named.keys))
		}
	}
}

// TestPassLimit: a pass ends after so many kept keys, and covers its range all the same.
func TestPassLimit(t *testing.T) {
	var pages atomic.Int64
	srv, c := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if len(args) > 1 && string(args[1]) == "string_with_value" {
			pages.Add(1)
		}
		return nil, false, false
	}})
	for _, key := range []string{"a", "b1", "b2", "b3", "b4", "b5", "b6", "c", "d"} {
		mustDo(t, c, "SET", key, "v")
		mustDo(t, c, "SADD", key, "m")
		mustDo(t, c, "XADD", key, "1-1", "f", "v")
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 3, BatchKeys: 2})
	for _, typ := range []format.Type{format.TypeString, format.TypeSet, format.TypeStream} {
		for limit, want := range map[int64]int{0: 6, 1: 1, 2: 2, 3: 3, 5: 5, 6: 6, 100: 6} {
			pass := NewPass(0, typ, nil, []byte("d"))
			pass.Keep = func(key []byte) bool { return key[0] == 'b' }
			pass.Limit = limit
			g := scanPass(t, s, pass)
			if len(g.keys) != want {
				t.Errorf("%s, limit %d: %q", typ, limit, g.keys)
			}
			if string(pass.End()) != "d" {
				t.Errorf("%s, limit %d: the pass ends at %q", typ, limit, pass.End())
			}
		}
	}
	before := pages.Load()
	pass := NewPass(0, format.TypeString, nil, nil)
	pass.Limit = 2
	scanPass(t, s, pass)
	if n := pages.Load() - before; n != 2 { // the first is of one key
		t.Errorf("for two keys %d pages were read", n)
	}
}
