package reader

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestUnreadable: a key whose reply is no answer is left out and listed, and all others are read,
// unless no key is answered.
func TestUnreadable(t *testing.T) {
	const corrupt = "-ERR Corruption: block checksum mismatch\r\n"
	for _, x := range []struct {
		typ     format.Type
		version pikasim.Version
		command string
		reply   string
		call    int64 // which of the key's
	}{
		{format.TypeString, pikasim.V303, "get", corrupt, 1},
		{format.TypeString, pikasim.V303, "get", ":5\r\n", 1},
		{format.TypeHash, pikasim.V355, "pkhscanrange", corrupt, 1},
		{format.TypeHash, pikasim.V355, "pkhscanrange", corrupt, 2},
		{format.TypeHash, pikasim.V401, "pkhscanrange", "*2\r\n$0\r\n\r\n*4\r\n$1\r\nb\r\n$1\r\nv\r\n$1\r\na\r\n$1\r\nv\r\n", 1},
		{format.TypeZset, pikasim.V401, "zscan", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$4\r\nmany\r\n", 1},
		{format.TypeSet, pikasim.V355, "sscan", "*2\r\n$1\r\nx\r\n*0\r\n", 1},
		{format.TypeSet, pikasim.V355, "sscan", corrupt, 3},
		{format.TypeList, pikasim.V401, "lrange", corrupt, 1},
		{format.TypeList, pikasim.V401, "lrange", corrupt, 2},
		{format.TypeStream, pikasim.V401, "xrange", corrupt, 1},
		{format.TypeStream, pikasim.V355, "xrange", corrupt, 2},
		{format.TypeStream, pikasim.V401, "xinfo", "*8\r\n$6\r\nlength\r\n:99\r\n$17\r\nlast-generated-id\r\n$5\r\n100-1\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$13\r\nentries-added\r\n:99\r\n", 1},
		{format.TypeStream, pikasim.V355, "xinfo", "*2\r\n$6\r\nlength\r\n:1\r\n", 1},
	} {
		for _, all := range []bool{false, true} {
			if all && x.reply != corrupt {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s/%d/%q/%v", x.typ, x.version, x.call, x.reply, all), func(t *testing.T) {
				var live atomic.Bool
				var calls atomic.Int64
				srv, c := startSim(t, pikasim.Options{Version: x.version, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
					if !live.Load() || !strings.EqualFold(string(args[0]), x.command) {
						return nil, false, false
					}
					at := 1
					if x.command == "xinfo" {
						at = 2
					}
					if all && calls.Add(1) >= x.call || string(args[at]) == "k5" && (calls.Add(1) == x.call || x.call > 1 && calls.Load() > x.call) {
						return []byte(x.reply), true, false
					}
					return nil, false, false
				}})
				for i := range 10 {
					key := fmt.Sprintf("k%d", i)
					for j := range 100 {
						switch x.typ {
						case format.TypeString:
							mustDo(t, c, "SET", key, "v")
						case format.TypeHash:
							mustDo(t, c, "HSET", key, fmt.Sprintf("%03d", j), "v")
						case format.TypeList:
							mustDo(t, c, "RPUSH", key, "v")
						case format.TypeSet:
							mustDo(t, c, "SADD", key, fmt.Sprintf("%03d", j))
						case format.TypeZset:
							mustDo(t, c, "ZADD", key, j, fmt.Sprintf("%03d", j))
						case format.TypeStream:
							mustDo(t, c, "XADD", key, fmt.Sprintf("%d-1", j+1), "f", "v")
						}
					}
				}
				s := open(t, Options{Addr: srv.Addr(), PieceElements: 40})
				live.Store(true)
				g := newGathered(t)
				err := s.Scan(t.Context(), NewPass(0, x.typ, nil, nil), g)
				if all {
					if err == nil {
						t.Errorf("the dump goes on: %d keys, skipped %v", len(g.keys), g.skipped)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				g.keys = slices.DeleteFunc(g.keys, func(k string) bool { return k == "k5" }) // it was taken back
				if len(g.keys) != 9 || fmt.Sprint(g.skipped[Unreadable]) != "[k5]" {
					t.Errorf("%d keys, skipped %v", len(g.keys), g.skipped)
				}
			})
		}
	}
}

// TestStreamLength: a stream is read by XRANGE, whatever XINFO counts. If that told less than is
// counted, it is listed as well.
func TestStreamLength(t *testing.T) {
	for length, listed := range map[int]bool{-1: false, 0: false, 1: false, 2: false, 3: true} {
		srv, c := startSim(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			return fmt.Appendf(nil, "*8\r\n$6\r\nlength\r\n:%d\r\n$17\r\nlast-generated-id\r\n$3\r\n2-0\r\n"+
				"$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n$13\r\nentries-added\r\n:2\r\n", length), strings.EqualFold(string(args[0]), "xinfo"), false
		}})
		mustDo(t, c, "XADD", "k", "1-0", "f", "v")
		mustDo(t, c, "XADD", "k", "2-0", "f", "v")
		g := newGathered(t)
		if err := open(t, Options{Addr: srv.Addr()}).Scan(t.Context(), NewPass(0, format.TypeStream, nil, nil), g); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(g.keys, []string{"k"}) || (len(g.skipped[Unreadable]) > 0) != listed {
			t.Errorf("length %d: keys %q, skipped %v", length, g.keys, g.skipped)
		}
	}
}

// TestAllUnreadable: many keys in a row whose replies are no answers end a dump.
func TestAllUnreadable(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V303, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return []byte(":5\r\n"), strings.EqualFold(string(args[0]), "get"), false
	}})
	pipe := c.Pipeline()
	for i := range maxOdd + 100 {
		pipe.Do(t.Context(), "SET", fmt.Sprintf("k%04d", i), "v")
	}
	mustExec(t, pipe)
	g := newGathered(t)
	err := open(t, Options{Addr: srv.Addr()}).Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), g)
	if err == nil || len(g.skipped[Unreadable]) != maxOdd {
		t.Errorf("error %v, %d keys are left out", err, len(g.skipped[Unreadable]))
	}
}

// TestFarExpiry: an expiry that is millions of years away is kept as it is.
func TestFarExpiry(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	for key, seconds := range map[string]int64{"near": 100, "far": 9_000_000_000_000, "farthest": math.MaxInt64/1000 - 1<<40} {
		mustDo(t, c, "SET", key, "v")
		mustDo(t, c, "EXPIRE", key, seconds)
	}
	s := open(t, Options{Addr: srv.Addr()})
	g := scanPass(t, s, NewPass(0, format.TypeString, nil, nil))
	now := time.Now().UnixMilli()
	for key, seconds := range map[string]int64{"near": 100, "far": 9_000_000_000_000, "farthest": math.MaxInt64/1000 - 1<<40} {
		if at := g.expires[key]; at < now+(seconds-60)*1000 || at > now+seconds*1000 {
			t.Errorf("%s expires at %d, now is %d", key, at, now)
		}
	}
}

// TestExpiryFails: a key whose TTL fails, or is farther away than a dump can tell, is kept without
// one and listed; where most fail the dump ends.
func TestExpiryFails(t *testing.T) {
	for reply, all := range map[string]bool{
		"-ERR ttl internal error\r\n": false, ":9223372036854775807\r\n": false, ":-7\r\n": false, "-ERR ttl  internal error\r\n": true,
	} {
		for _, v := range []pikasim.Version{pikasim.V401, pikasim.V355} {
			var live atomic.Bool
			srv, c := startSim(t, pikasim.Options{Version: v, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				return []byte(reply), live.Load() && strings.HasSuffix(strings.ToLower(string(args[0])), "ttl") && (all || string(args[1]) == "k05"), false
			}})
			for i := range 40 {
				mustDo(t, c, "HSET", fmt.Sprintf("k%02d", i), "f", "v")
			}
			s := open(t, Options{Addr: srv.Addr()})
			live.Store(true)
			g := newGathered(t)
			err := s.Scan(t.Context(), NewPass(0, format.TypeHash, nil, nil), g)
			if all {
				if err == nil {
					t.Errorf("%s: the dump goes on", v)
				}
				continue
			}
			if err != nil || len(g.keys) != 40 || fmt.Sprint(g.skipped[ExpiryUnknown]) != "[k05]" || g.expires["k05"] != 0 {
				t.Errorf("%s, %q: %v, %d keys, skipped %v", v, reply, err, len(g.keys), g.skipped)
			}
		}
	}
}
