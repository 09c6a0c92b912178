package reader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// streamNames are awkward ones, in order.
func streamNames() []string {
	names := []string{"", "*", "[a]", "a", "ab\r\nc", "ab*", "b?", "b\\", "k", "\xff", "\xff\xff", "]", "a]b^", "ke-", "ke-^-x", "ke^", "ke\\", "ke\\*", "ke\\\\x", "key*"}
	for i := range 60 {
		names = append(names, fmt.Sprintf("key:%02d", i), fmt.Sprintf("ke-y:%02d", i), fmt.Sprintf("ke^:%02d", i), fmt.Sprintf("ke\\%02d", i), fmt.Sprintf("ke*%02d", i))
	}
	slices.Sort(names)
	return names
}

func addStreams(t *testing.T, c *redis.Client) []string {
	t.Helper()
	names := streamNames()
	for _, n := range names {
		mustDo(t, c, "XADD", n, "1-1", "f", "v")
	}
	for i := range 20 { // of other types: XLEN of one answers an error on 4.0
		mustDo(t, c, "SET", fmt.Sprintf("ke%d", i), "v")
	}
	mustDo(t, c, "SET", "ke", "v")
	return names
}

// TestStreamsByPrefix: where all names do not go into one reply they are listed prefix by prefix.
func TestStreamsByPrefix(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		for name, x := range map[string]struct {
			ours  int
			limit string
		}{"our own limit": {ours: 200}, "the source's limit": {ours: nameBytes, limit: "200"}} {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				o := pikasim.Options{Version: v}
				if x.limit != "" {
					o.Config = map[string]string{"max-client-response-size": x.limit}
				}
				srv, c := startSim(t, o)
				want := addStreams(t, c)
				s := open(t, Options{Addr: srv.Addr()})
				s.nameBytes = x.ours
				g := scanPass(t, s, NewPass(0, format.TypeStream, nil, nil))
				if !slices.Equal(g.keys, want) || len(g.skipped) > 0 {
					t.Errorf("%q, want %q; skipped %v", g.keys, want, g.skipped)
				}
				if n := srv.Commands()["keys"]; n < 256 {
					t.Errorf("KEYS was sent %d times", n)
				}
				for _, prefix := range []string{"k", "ke-", "ke^", "ke\\", "ke*", "ke\\*", "a]"} {
					part := NewPass(0, format.TypeStream, []byte("ab"), []byte("key:3"))
					part.Prefix = []byte(prefix)
					want := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return k < "ab" || k >= "key:3" || !strings.HasPrefix(k, prefix) })
					if g := scanPass(t, s, part); !slices.Equal(g.keys, want) {
						t.Errorf("%s: %q, want %q", prefix, g.keys, want)
					}
				}
			})
		}
	}
}

// TestStreamsCut: a listing that the timeout cuts is made prefix by prefix on 3.5; on 4.0 that is
// no help, and the run says what is.
func TestStreamsCut(t *testing.T) {
	cutKeys := func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, strings.EqualFold(string(args[0]), "keys") && len(args[1]) < 3
	}
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V355, Intercept: cutKeys})
	mustDo(t, c, "XADD", "a", "1-1", "f", "v")
	mustDo(t, c, "XADD", "aaa", "1-1", "f", "v")
	s := open(t, Options{Addr: srv.Addr()})
	pass := NewPass(0, format.TypeStream, nil, nil)
	pass.Prefix = []byte("a")
	if g := scanPass(t, s, pass); fmt.Sprint(g.keys) != "[a aaa]" {
		t.Errorf("%q", g.keys)
	}
	srv, c = startSim(t, pikasim.Options{Version: pikasim.V401, Intercept: cutKeys})
	mustDo(t, c, "XADD", "a", "1-1", "f", "v")
	s = open(t, Options{Addr: srv.Addr()})
	err := s.Scan(t.Context(), NewPass(0, format.TypeStream, nil, nil), newGathered(t))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "--streams off") {
		t.Errorf("error %v", err)
	}
}

// TestStreamsDisturbed: a list that is out of order is not taken for the list.
func TestStreamsDisturbed(t *testing.T) {
	srv, _ := startSim(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return []byte("*2\r\n$1\r\nb\r\n$1\r\na\r\n"), strings.EqualFold(string(args[0]), "keys") && string(args[1]) == "*", false
	}})
	s := open(t, Options{Addr: srv.Addr()})
	g := newGathered(t)
	err := s.Scan(t.Context(), NewPass(0, format.TypeStream, nil, nil), g)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "not in order") {
		t.Errorf("error %v", err)
	}
}

// TestStreamsCounted: on 4.0 streams are only listed if a count that began now found some, or
// cannot be had; on 3.5 nothing is counted.
func TestStreamsCounted(t *testing.T) {
	const text = "# Duration: In Processing\r\ndb0 Streams_keys=0, expires=0, invalid_keys=0\r\n"
	counting := fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
	for _, x := range []struct {
		name    string
		version pikasim.Version
		streams int
		counted bool              // there is an older count, of before the streams
		answers map[string]string // to INFO keyspace
		once    bool              // only the first of them
		keys    int64             // times that KEYS is sent, beside the probe
		counts  int64             // times that INFO keyspace is sent
	}{
		{name: "3.5", version: pikasim.V355, keys: 1},
		{name: "none", version: pikasim.V401, counts: 3},
		{name: "some", version: pikasim.V401, streams: 2, keys: 1, counts: 3},
		{name: "counted before there were any", version: pikasim.V401, streams: 2, counted: true, keys: 1, counts: 3},
		{name: "another count runs", version: pikasim.V401, streams: 2, answers: map[string]string{"0": counting}, once: true, keys: 1, counts: 4},
		{name: "not while it compacts", version: pikasim.V401, streams: 2,
			answers: map[string]string{"1": "-ERR The compact operation is executing, Try again later\r\n"}, keys: 1, counts: 2},
		{name: "not told", version: pikasim.V401, streams: 2, answers: map[string]string{"0": "$0\r\n\r\n"}, keys: 1, counts: 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			var counts atomic.Int64
			var done, live atomic.Bool
			srv, c := startSim(t, pikasim.Options{Version: x.version, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if !live.Load() || !strings.EqualFold(string(args[0]), "info") || string(args[1]) != "keyspace" {
					return nil, false, false
				}
				counts.Add(1)
				raw, ok := x.answers[string(args[2])]
				if !ok || done.Load() {
					return nil, false, false
				}
				done.Store(x.once)
				return []byte(raw), true, false
			}})
			if x.counted {
				mustDo(t, c, "INFO", "keyspace", "1")
			}
			for i := range x.streams {
				mustDo(t, c, "XADD", fmt.Sprint("st", i), "1-1", "f", "v")
			}
			s := open(t, Options{Addr: srv.Addr()})
			live.Store(true)
			before := srv.Commands()["keys"]
			g := scanPass(t, s, NewPass(0, format.TypeStream, nil, nil))
			if len(g.keys) != x.streams {
				t.Errorf("streams %q", g.keys)
			}
			if n := srv.Commands()["keys"] - before; n != x.keys {
				t.Errorf("KEYS was sent %d times, want %d", n, x.keys)
			}
			if n := counts.Load(); n != x.counts {
				t.Errorf("INFO keyspace was sent %d times, want %d", n, x.counts)
			}
		})
	}
	_, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	s := open(t, Options{Addr: c.Options().Addr, NoStreams: true})
	if types := s.Types(nil); slices.Contains(types, format.TypeStream) {
		t.Errorf("without streams: %v", types)
	}
}

// TestStreamNameTooLong: a name that no list can hold is listed by what it begins with, and all
// others are dumped, with a bounded number of lists; one that is only longer than our own lists is
// dumped.
func TestStreamNameTooLong(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		for name, x := range map[string]struct {
			ours   int
			limit  string
			listed bool
		}{"our own limit": {ours: 300, limit: "1073741824", listed: true}, "the source's limit": {ours: nameBytes, limit: "300"}} {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				srv, c := startSim(t, pikasim.Options{Version: v, Config: map[string]string{"max-client-response-size": x.limit}})
				const prefix = 4
				want := streamNames()[:40]
				long := strings.Repeat("n", 100_000)
				want = append(want, long[:prefix-1], long[:prefix], long[:prefix-1]+"o") // beside it
				slices.Sort(want)
				for _, n := range append([]string{long}, want...) {
					mustDo(t, c, "XADD", n, "1-1", "f", "v")
				}
				if x.listed {
					want = append(want, long)
					slices.Sort(want)
				}
				s := open(t, Options{Addr: srv.Addr()})
				s.nameBytes, s.longPrefix = x.ours, prefix
				g := scanPass(t, s, NewPass(0, format.TypeStream, nil, nil))
				if !slices.Equal(g.keys, want) {
					t.Errorf("%d streams, want %d", len(g.keys), len(want))
				}
				if got := fmt.Sprint(g.skipped[Unlisted]); x.listed != (got == "[]") || !x.listed && got != "["+long[:prefix]+"]" {
					t.Errorf("unlisted %s", got)
				}
				if n := srv.Commands()["keys"]; n > 1000*prefix {
					t.Errorf("KEYS was sent %d times", n)
				}
				if _, err := s.TreeSample(t.Context(), 0, format.TypeStream, TreeSampleOptions{LeafKeys: 10}, func(float64, Sampled) error { return nil }); err != nil {
					t.Errorf("census: %v", err)
				}
			})
		}
	}
}

// TestStreamsHeldAgainstCount: a list that has fewer streams than the source counts before and
// after it is not taken.
func TestStreamsHeldAgainstCount(t *testing.T) {
	for _, x := range []struct {
		name  string
		short int // lists that lack a stream
		ours  int
		keys  []string
		fails bool
	}{
		{name: "once", short: 1, ours: nameBytes},
		{name: "once, by prefix", short: 1, ours: 60},
		{name: "always", short: 1 << 30, ours: nameBytes, fails: true},
		{name: "always, by prefix", short: 1 << 30, ours: 60, fails: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			var short atomic.Int64
			srv, c := startSim(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if strings.EqualFold(string(args[0]), "keys") && strings.HasPrefix("st1*", strings.TrimSuffix(string(args[1]), "*")) && x.ours == nameBytes != (len(args[1]) > 2) && short.Add(-1) >= 0 {
					return []byte("*1\r\n$3\r\nst1\r\n"), true, false
				}
				return nil, false, false
			}})
			for _, n := range []string{"st1", "st1a", "st2", "st2a", "st2b", "st3"} {
				mustDo(t, c, "XADD", n, "1-1", "f", "v")
			}
			s := open(t, Options{Addr: srv.Addr()})
			s.nameBytes = x.ours
			short.Store(int64(x.short))
			g := newGathered(t)
			err := s.Scan(t.Context(), NewPass(0, format.TypeStream, nil, nil), g)
			if x.fails {
				if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "counts 6 streams") || len(g.keys) > 0 {
					t.Errorf("error %v, keys %q", err, g.keys)
				}
				return
			}
			if err != nil || len(g.keys) != 6 {
				t.Errorf("%v, keys %q", err, g.keys)
			}
		})
	}
}

// TestStreamsListedTwice: on 3.5, which counts no streams, a list in several steps is made twice,
// and what either has is read.
func TestStreamsListedTwice(t *testing.T) {
	var lists atomic.Int64
	var names []string
	for i := range keysStep + 200 {
		names = append(names, fmt.Sprintf("s%05d", i))
	}
	srv, _ := startSim(t, pikasim.Options{Version: pikasim.V355, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if !strings.EqualFold(string(args[0]), "keys") || string(args[1]) != "*" {
			return nil, false, false
		}
		list := slices.Clone(names)
		at := 10 * lists.Add(1)
		list = slices.Delete(list, int(at), int(at)+5)
		reply := fmt.Appendf(nil, "*%d\r\n", len(list))
		for _, n := range list {
			reply = fmt.Appendf(reply, "$%d\r\n%s\r\n", len(n), n)
		}
		return reply, true, false
	}})
	s := open(t, Options{Addr: srv.Addr()})
	w := &scan{exchange: exchange{s: s.session}, pass: NewPass(0, format.TypeStream, nil, nil)}
	var err error
	if w.c, err = s.dial(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	defer w.c.close()
	var got []string
	l := streamList{w: w, twice: true, each: func(list [][]byte) error {
		for _, n := range list {
			got = append(got, string(n))
		}
		return nil
	}}
	if err := l.under(t.Context(), nil); err != nil || !slices.Equal(got, names) || lists.Load() != 2 {
		t.Errorf("%v: %d names in %d lists", err, len(got), lists.Load())
	}
}

// TestStreamsAlong: what all names share is found in one list a byte, not in one for each byte that
// there could be.
func TestStreamsAlong(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		srv, c := startSim(t, pikasim.Options{Version: v})
		want := []string{"tenant", `tenant-0001:order\\`, `tenant-0001:order]`}
		for i := range 120 {
			want = append(want, fmt.Sprintf("tenant-0001:order-events:%040d", i))
		}
		slices.Sort(want)
		for _, n := range want {
			mustDo(t, c, "XADD", n, "1-1", "f", "v")
		}
		s := open(t, Options{Addr: srv.Addr()})
		s.nameBytes = 6400
		if g := scanPass(t, s, NewPass(0, format.TypeStream, nil, nil)); !slices.Equal(g.keys, want) {
			t.Errorf("%s: %d streams, want %d", v, len(g.keys), len(want))
		}
		if n := srv.Commands()["keys"]; n > 8*256 {
			t.Errorf("%s: KEYS was sent %d times", v, n)
		}
	}
}
