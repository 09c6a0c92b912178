package reader

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// heldUp is a Pacer that says of one pipeline that it had to wait for hours.
type heldUp struct {
	mu                 sync.Mutex // of several passes
	waits, at          int
	during             func() error
	keys, bytes, taken int
}

func (h *heldUp) Wait(context.Context) (time.Duration, error) {
	h.mu.Lock()
	h.waits++
	held := h.waits == h.at
	h.mu.Unlock()
	if !held {
		return time.Millisecond, nil
	}
	return 3 * time.Hour, h.during()
}

func (h *heldUp) Done(keys, bytes int, _ time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys += keys
	h.bytes += bytes
	h.taken++
}

// TestLongWait: after hours of waiting, wherever that is, the connection is made anew and
// no value from before is handed over.
func TestLongWait(t *testing.T) {
	for _, typ := range []format.Type{format.TypeString, format.TypeHash, format.TypeSet, format.TypeStream} {
		pipelines := 0
		for at := 0; at <= pipelines; at++ { // the first time, none waits
			var late atomic.Bool // every connection from before is cut
			var cut int
			srv, c := startSim(t, pikasim.Options{})
			const keys, elements = 20, 9
			value := func(late bool, i int) string { return fmt.Sprintf("late=%v %d", late, i) }
			write := func(late bool) {
				for k := range keys {
					key := fmt.Sprintf("k%02d", k)
					switch typ {
					case format.TypeString:
						mustDo(t, c, "SET", key, value(late, k))
					case format.TypeHash:
						for i := range elements {
							mustDo(t, c, "HSET", key, fmt.Sprint(i), "v")
						}
					case format.TypeSet:
						for i := range elements {
							mustDo(t, c, "SADD", key, fmt.Sprint(i))
						}
					case format.TypeStream:
						if !late {
							for i := range elements {
								mustDo(t, c, "XADD", key, fmt.Sprintf("%d-1", i+1), "f", "v")
							}
						}
					}
				}
			}
			write(false)
			g := newGathered(t)
			pacer := &heldUp{at: at}
			pacer.during = func() error {
				write(true)
				late.Store(true)
				cut = len(g.keys)
				return nil
			}
			s := open(t, Options{Addr: srv.Addr(), PageKeys: 8, BatchKeys: 3, PieceElements: 4, Latency: time.Hour, Pacer: pacer})
			connections := srv.Commands()["select"]
			pass := NewPass(0, typ, nil, nil)
			if err := s.Scan(t.Context(), pass, g); err != nil {
				t.Fatalf("%s, waiting before pipeline %d: %v", typ, at, err)
			}
			if at == 0 {
				pipelines = pacer.waits
				if pacer.keys != keys || pacer.bytes == 0 || pacer.taken == 0 {
					t.Errorf("%s: %d keys, %d bytes in %d pipelines", typ, pacer.keys, pacer.bytes, pacer.taken)
				}
			}
			want := int64(1)
			if at > 0 {
				want = 2
			}
			if n := srv.Commands()["select"] - connections; n != want {
				t.Errorf("%s, waiting before pipeline %d: %d connections", typ, at, n)
			}
			if len(g.keys) != keys || len(g.skipped) > 0 {
				t.Errorf("%s, waiting before pipeline %d: %d keys, skipped %v", typ, at, len(g.keys), g.skipped)
			}
			if typ != format.TypeString {
				continue
			}
			for i, key := range g.keys {
				if want := value(late.Load() && i >= cut, i); g.values[key] != want {
					t.Errorf("waiting before pipeline %d: %s has %q, want %q", at, key, g.values[key], want)
				}
			}
		}
		if pipelines < 5 {
			t.Errorf("%s: only %d pipelines", typ, pipelines)
		}
	}
}

// TestPacerEnds: what ends the wait ends the pass.
func TestPacerEnds(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{})
	mustDo(t, c, "SET", "k", "v")
	mustDo(t, c, "XADD", "x", "1-1", "f", "v")
	stop := errors.New("stop")
	for _, typ := range []format.Type{format.TypeString, format.TypeStream} {
		s := open(t, Options{Addr: srv.Addr(), Pacer: &heldUp{at: 1, during: func() error { return stop }}})
		if err := s.Scan(t.Context(), NewPass(0, typ, nil, nil), newGathered(t)); !errors.Is(err, stop) {
			t.Errorf("%s: %v", typ, err)
		}
	}
}

// TestPing: it goes over one connection, and over a new one after a failure.
func TestPing(t *testing.T) {
	var fail atomic.Bool
	srv, _ := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, string(args[0]) == "PING" && fail.CompareAndSwap(true, false)
	}})
	s := open(t, Options{Addr: srv.Addr()})
	p := s.Observer()
	defer p.Close()
	before := srv.Commands()["select"]
	for range 3 {
		if _, err := p.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	fail.Store(true)
	if _, err := p.Ping(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a cut connection gives %v", err)
	}
	if _, err := p.Ping(t.Context()); err != nil {
		t.Errorf("after a failure: %v", err)
	}
	if n := srv.Commands()["select"] - before; n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestChange: what the server takes is read back.
func TestChange(t *testing.T) {
	var ignore atomic.Bool
	srv, _ := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return []byte("+OK\r\n"), ignore.Load() && len(args) == 4 && string(args[1]) == "SET", false
	}})
	s := open(t, Options{Addr: srv.Addr()})
	if err := s.Set(t.Context(), "cache-model", "0"); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Setting(t.Context(), "cache-model"); err != nil || v != "0" {
		t.Errorf("it is %q, %v", v, err)
	}
	var re *ReplyError
	if err := s.Set(t.Context(), "no-such", "0"); !errors.As(err, &re) {
		t.Errorf("an unknown parameter: %v", err)
	}
	ignore.Store(true)
	if err := s.Set(t.Context(), "cache-model", "1"); !errors.As(err, &re) {
		t.Errorf("a change that did not take: %v", err)
	}
}

// TestPastCache: what can be read past the source's cache is.
func TestPastCache(t *testing.T) {
	cached := []string{"get", "mget", "getrange", "strlen", "bitcount", "exists", "ttl", "pttl", "type", "hget", "hmget", "hgetall", "hkeys", "hvals",
		"hlen", "hstrlen", "hexists", "lrange", "lindex", "llen", "smembers", "scard", "sismember", "srandmember", "zrange", "zrevrange", "zcard",
		"zcount", "zrank", "zrevrank", "zscore"}
	for _, tc := range []struct {
		version pikasim.Version
		may     map[string]int64 // how often at most
	}{
		{pikasim.V355, map[string]int64{"ttl": 1000, "pttl": 1, "lrange": 1000, "llen": 1}},
		{pikasim.V400, map[string]int64{"ttl": 2, "pttl": 1000, "lrange": 1000, "llen": 1}}, // its PTTL is past the cache
		{pikasim.V401, map[string]int64{"ttl": 2, "pttl": 1000, "lrange": 1000, "llen": 1}},
	} {
		srv, c := startSim(t, pikasim.Options{Version: tc.version})
		for i := range 50 {
			mustDo(t, c, "SET", fmt.Sprint("s", i), "v")
			mustDo(t, c, "HSET", fmt.Sprint("h", i), "f", "v")
			mustDo(t, c, "RPUSH", fmt.Sprint("l", i), "v")
			mustDo(t, c, "SADD", fmt.Sprint("e", i), "v")
			mustDo(t, c, "ZADD", fmt.Sprint("z", i), 1, "v")
			mustDo(t, c, "XADD", fmt.Sprint("x", i), "1-1", "f", "v")
			for _, k := range []string{"s", "h", "l", "e", "z"} {
				mustDo(t, c, "EXPIRE", fmt.Sprint(k, i), 10000+i)
			}
		}
		s := open(t, Options{Addr: srv.Addr(), PieceElements: 4})
		for _, typ := range format.Types {
			if g := scanPass(t, s, NewPass(0, typ, nil, nil)); len(g.keys) != 50 {
				t.Errorf("%s: %d keys of %s", tc.version, len(g.keys), typ)
			}
		}
		sent := srv.Commands()
		for _, name := range cached {
			if sent[name] > tc.may[name] {
				t.Errorf("%s: %s was sent %d times", tc.version, name, sent[name])
			}
		}
	}
}
