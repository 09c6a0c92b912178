package reader

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// pieceCommands read the pieces of each type.
var pieceCommands = map[format.Type]string{
	format.TypeHash: "pkhscanrange", format.TypeList: "lrange", format.TypeSet: "sscan", format.TypeZset: "zscan", format.TypeStream: "xrange",
}

// A hooked source calls at before the nth piece of k is read; n counts from 1.
type hooked struct {
	s    *pikasim.Server
	c    *redis.Client
	n    atomic.Int64
	busy atomic.Bool
	word string
	at   func(n int64, args [][]byte)
}

func startHooked(t *testing.T, o pikasim.Options) *hooked {
	h := &hooked{}
	o.Intercept = func(_ int, args [][]byte) ([]byte, bool, bool) {
		if h.at == nil || len(args) < 2 || string(args[1]) != "k" || !strings.EqualFold(string(args[0]), h.word) {
			return nil, false, false
		}
		if n, err := strconv.Atoi(string(args[len(args)-1])); h.word != "lrange" && err == nil && n < mostHead { // it only looks
			return nil, false, false
		}
		if h.busy.CompareAndSwap(false, true) { // else it is the hook's own
			h.at(h.n.Add(1), args)
			h.busy.Store(false)
		}
		return nil, false, false
	}
	h.s, h.c = startSim(t, o)
	return h
}

// fill makes k a key of the type with elements from to before end.
func (h *hooked) fill(t *testing.T, typ format.Type, from, end int) {
	t.Helper()
	for i := from; i < end; i += 100 {
		args := []any{map[format.Type]string{format.TypeHash: "HMSET", format.TypeList: "RPUSH", format.TypeSet: "SADD", format.TypeZset: "ZADD"}[typ], "k"}
		for j := i; j < min(i+100, end); j++ {
			e := fmt.Sprintf("e%06d", j)
			switch typ {
			case format.TypeHash:
				args = append(args, e, "v")
			case format.TypeZset:
				args = append(args, j, e)
			case format.TypeStream:
				mustDo(t, h.c, "XADD", "k", fmt.Sprintf("%d-1", j+1), "f", "v")
			default:
				args = append(args, e)
			}
		}
		if typ != format.TypeStream {
			mustDo(t, h.c, args...)
		}
	}
}

// read reads k in pieces of n elements, with before called before each.
func (h *hooked) read(t *testing.T, typ format.Type, n int, before func(n int64, args [][]byte)) *gathered {
	t.Helper()
	s := open(t, Options{Addr: h.s.Addr(), PieceElements: n, Latency: time.Hour})
	k, err := s.NewKeyReader(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	h.n.Store(0)
	h.word, h.at = pieceCommands[typ], before
	defer func() { h.at = nil }()
	g := newGathered(t)
	if err := k.ReadKeys(t.Context(), typ, [][]byte{[]byte("k")}, g); err != nil {
		t.Fatal(err)
	}
	return g
}

var pieceTypes = []format.Type{format.TypeHash, format.TypeList, format.TypeSet, format.TypeZset, format.TypeStream}

// TestSharedCursor: another client that reads the same key by the same numbers while members go at
// the front moves the place that the source keeps for them. Nothing that stays is lost.
func TestSharedCursor(t *testing.T) {
	for _, v := range versions {
		for _, typ := range []format.Type{format.TypeSet, format.TypeZset} {
			h := startHooked(t, pikasim.Options{Version: v})
			h.fill(t, typ, 0, 2000)
			gone := 0
			g := h.read(t, typ, 64, func(n int64, args [][]byte) {
				cursor := string(args[2])
				if cursor == "0" {
					return
				}
				for range 3 {
					mustDo(t, h.c, map[format.Type]string{format.TypeSet: "SREM", format.TypeZset: "ZREM"}[typ], "k", fmt.Sprintf("e%06d", gone))
					gone++
				}
				mustDo(t, h.c, string(args[0]), "k", 0, "COUNT", cursor)
				mustDo(t, h.c, string(args[0]), "k", 0, "MATCH", "*", "COUNT", cursor)
			})
			for i := gone; i < 2000; i++ {
				if e := fmt.Sprintf("%q", fmt.Sprintf("e%06d", i)); strings.Count(g.values["k"], e) != 1 {
					t.Fatalf("%s %s: %s is there %d times", v, typ, e, strings.Count(g.values["k"], e))
				}
			}
			if gone < 60 || g.dropped > 0 {
				t.Errorf("%s %s: %d members were removed, dropped %d times", v, typ, gone, g.dropped)
			}
		}
	}
}

// TestEmptyMember: one without a byte, which no pattern of ours matches, is there once.
func TestEmptyMember(t *testing.T) {
	h := startHooked(t, pikasim.Options{})
	h.fill(t, format.TypeSet, 0, 300)
	mustDo(t, h.c, "SADD", "k", "", "\x80x", "\xff", "\x00")
	g := h.read(t, format.TypeSet, 64, func(int64, [][]byte) {})
	for _, e := range []string{`""`, `"\x80x"`, `"\xff"`, `"\x00"`} {
		if strings.Count(g.values["k"], e+" ") != 1 {
			t.Errorf("%s is there %d times", e, strings.Count(g.values["k"], e+" "))
		}
	}
}

// TestGoneInPieces: a key that is deleted, expires, or is of another type before its last piece is
// not cut short: what was handed over is taken back, and it is skipped.
func TestGoneInPieces(t *testing.T) {
	for _, v := range versions {
		for _, typ := range pieceTypes {
			if typ == format.TypeStream && v == pikasim.V340 {
				continue
			}
			for _, how := range []string{"deleted", "expired", "retyped"} {
				now := time.Date(2026, 11, 28, 12, 0, 0, 500e6, time.UTC)
				var ahead atomic.Int64
				h := startHooked(t, pikasim.Options{Version: v, Clock: func() time.Time { return now.Add(time.Duration(ahead.Load())) }})
				h.fill(t, typ, 0, 1000)
				want := Gone
				if how == "expired" {
					if typ == format.TypeStream {
						continue
					}
					mustDo(t, h.c, "EXPIRE", "k", 100)
					want = Expired
				}
				g := h.read(t, typ, 64, func(n int64, _ [][]byte) {
					if n != 4 {
						return
					}
					switch how {
					case "expired":
						ahead.Store(int64(time.Hour))
					case "retyped":
						if v == pikasim.V400 || v == pikasim.V401 {
							want = Retyped
						}
						mustDo(t, h.c, "DEL", "k")
						mustDo(t, h.c, "SET", "k", "string")
					default:
						mustDo(t, h.c, "DEL", "k")
					}
				})
				if len(g.keys) > 0 || !slices.Equal(g.skipped[want], []string{"k"}) || g.dropped != 1 {
					t.Errorf("%s %s %s: keys %q, skipped %v, dropped %d times", v, typ, how, g.keys, g.skipped, g.dropped)
				}
			}
		}
	}
}

// TestMadeAnew: of a key that was deleted and made anew between two pieces there are no elements of
// both. That is told by its expiry, of a stream by its state.
func TestMadeAnew(t *testing.T) {
	for _, v := range versions {
		for _, typ := range pieceTypes {
			if typ == format.TypeStream && v == pikasim.V340 {
				continue
			}
			h := startHooked(t, pikasim.Options{Version: v})
			h.fill(t, typ, 0, 1000)
			if typ != format.TypeStream {
				mustDo(t, h.c, "EXPIRE", "k", 100)
			}
			g := h.read(t, typ, 64, func(n int64, _ [][]byte) {
				if n != 4 {
					return
				}
				mustDo(t, h.c, "DEL", "k")
				h.fill(t, typ, 100, 900)
			})
			want := h.read(t, typ, 1000, func(int64, [][]byte) {})
			if g.values["k"] != want.values["k"] || g.expires["k"] != want.expires["k"] || len(want.keys) != 1 || g.dropped != 1 {
				t.Errorf("%s %s: dropped %d times, skipped %v, expires %d", v, typ, g.dropped, g.skipped, g.expires["k"])
			}
		}
	}
}

// TestProlonged: a key whose expiry moves each time it is looked at is kept.
func TestProlonged(t *testing.T) {
	h := startHooked(t, pikasim.Options{})
	h.fill(t, format.TypeHash, 0, 500)
	g := h.read(t, format.TypeHash, 64, func(n int64, _ [][]byte) { mustDo(t, h.c, "EXPIRE", "k", 100*n) })
	if len(g.keys) != 1 || strings.Count(g.values["k"], "e0") != 500 || g.dropped != maxTries-1 {
		t.Errorf("%d elements, dropped %d times, skipped %v", strings.Count(g.values["k"], "e0"), g.dropped, g.skipped)
	}
}

// TestQueue: what stays in a list while others push and pop at its ends is there, in order, once.
func TestQueue(t *testing.T) {
	const size = 3000
	name := func(i int) string { return fmt.Sprintf("e%06d", i) }
	for _, tc := range []struct {
		what    string
		do      func(t *testing.T, h *hooked, n int) (left, right int) // how many it removed
		listed  bool
		dropped int
	}{
		{"popped left", func(t *testing.T, h *hooked, n int) (int, int) {
			for range 7 {
				mustDo(t, h.c, "LPOP", "k")
			}
			return 7, 0
		}, false, 0},
		{"popped left in bursts", func(t *testing.T, h *hooked, n int) (int, int) {
			if n%5 != 0 {
				return 0, 0
			}
			for range 90 {
				mustDo(t, h.c, "LPOP", "k")
			}
			return 90, 0
		}, false, 0},
		{"a queue to the right", func(t *testing.T, h *hooked, n int) (int, int) {
			mustDo(t, h.c, "LPOP", "k")
			mustDo(t, h.c, "RPUSH", "k", "new")
			return 1, 0
		}, false, 0},
		{"pushed left", func(t *testing.T, h *hooked, n int) (int, int) {
			mustDo(t, h.c, "LPUSH", "k", fmt.Sprint("new", n))
			return 0, 0
		}, false, 1}, // how long it was before is known from the second piece on
		{"popped right", func(t *testing.T, h *hooked, n int) (int, int) {
			mustDo(t, h.c, "RPOP", "k")
			return 0, 1
		}, false, 0},
		{"a queue to the left", func(t *testing.T, h *hooked, n int) (int, int) {
			mustDo(t, h.c, "LPUSH", "k", fmt.Sprint("new", n))
			mustDo(t, h.c, "RPOP", "k")
			return 0, 1
		}, true, maxTries - 1},
	} {
		h := startHooked(t, pikasim.Options{})
		h.fill(t, format.TypeList, 0, size)
		left, right := 0, 0
		g := h.read(t, format.TypeList, 64, func(n int64, args [][]byte) {
			if string(args[2]) == "0" { // the first of a reading
				return
			}
			l, r := tc.do(t, h, int(n))
			left, right = left+l, right+r
		})
		at := 0
		for i := left; i < size-right; i++ {
			e := fmt.Sprintf("%q ", name(i))
			j := strings.Index(g.values["k"][at:], e)
			if j < 0 || strings.Count(g.values["k"], e) != 1 {
				t.Fatalf("%s: %s is not there in its turn, once", tc.what, e)
			}
			at += j
		}
		if listed := len(g.skipped[Changed]) > 0; listed != tc.listed || g.dropped != tc.dropped || left+right == 0 && tc.what != "pushed left" {
			t.Errorf("%s: %d and %d removed, dropped %d times, skipped %v", tc.what, left, right, g.dropped, g.skipped)
		}
	}
}

// TestAlike: where elements are alike, what is in a list is as much as stays, and what cannot be
// told is listed.
func TestAlike(t *testing.T) {
	for _, tc := range []struct {
		what    string
		middle  int // elements "0" between 100 others and 100 others
		ends    int
		do      string
		skipped bool
	}{
		{"all alike, popped", 2000, 0, "LPOP k", false},
		{"all alike, at rest", 2000, 0, "PING", false},
		{"alike in the middle, at rest", 2000, 100, "PING", false},
		{"alike in the middle, popped", 2000, 100, "LPOP k", true},
	} {
		h := startHooked(t, pikasim.Options{})
		h.fill(t, format.TypeList, 0, tc.ends)
		zeros := []any{"RPUSH", "k"}
		for range tc.middle {
			zeros = append(zeros, "0")
		}
		mustDo(t, h.c, zeros...)
		h.fill(t, format.TypeList, tc.ends, 2*tc.ends)
		g := h.read(t, format.TypeList, 64, func(n int64, args [][]byte) {
			if string(args[2]) == "0" {
				return
			}
			var words []any
			for _, w := range strings.Fields(tc.do) {
				words = append(words, w)
			}
			mustDo(t, h.c, words...)
		})
		left, err := h.c.LLen(t.Context(), "k").Result()
		if err != nil {
			t.Fatal(err)
		}
		skipped := slices.Equal(g.skipped[Changed], []string{"k"})
		if n := strings.Count(g.values["k"], " "); skipped != tc.skipped || !skipped && (n < int(left) || n > tc.middle+2*tc.ends) || skipped && len(g.keys) > 0 {
			t.Errorf("%s: %d elements of %d, skipped %v", tc.what, n, left, g.skipped)
		}
	}
}

// TestEarlyCount: the cursors of 2.x count elements. Those that are removed at the front do not let
// others be passed over.
func TestEarlyCount(t *testing.T) {
	for _, typ := range []format.Type{format.TypeHash, format.TypeSet, format.TypeZset} {
		h := startHooked(t, pikasim.Options{Version: pikasim.V236})
		h.fill(t, typ, 0, 3000)
		word := map[format.Type]string{format.TypeHash: "HDEL", format.TypeSet: "SREM", format.TypeZset: "ZREM"}[typ]
		pieceCommands := pieceCommands[typ]
		if typ == format.TypeHash {
			pieceCommands = "hscan"
		}
		gone := 0
		s := open(t, Options{Addr: h.s.Addr(), PieceElements: 64, Latency: time.Hour})
		k, err := s.NewKeyReader(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		g := newGathered(t)
		h.word = pieceCommands
		h.at = func(int64, [][]byte) {
			for range 1 + gone%5 {
				mustDo(t, h.c, word, "k", fmt.Sprintf("e%06d", gone))
				gone++
			}
		}
		if err := k.ReadKeys(t.Context(), typ, [][]byte{[]byte("k")}, g); err != nil {
			t.Fatal(err)
		}
		h.at = nil
		k.Close()
		for i := gone; i < 3000; i++ {
			if e := fmt.Sprintf("%q", fmt.Sprintf("e%06d", i)); strings.Count(g.values["k"], e) != 1 {
				t.Fatalf("%s: %s is there %d times", typ, e, strings.Count(g.values["k"], e))
			}
		}
		if gone < 30 {
			t.Errorf("%s: only %d were removed", typ, gone)
		}
	}
}

// TestPrivatePattern: it is another one each time, and matches whatever begins with a byte.
func TestPrivatePattern(t *testing.T) {
	var a, b position
	a.privately()
	b.privately()
	if bytes.Equal(a.private, b.private) {
		t.Error("two readings have one pattern")
	}
}
