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
	"github.com/pika2kvrocks/pika2kvrocks/internal/pikasim"
)

// streamNames are awkward ones, in order.
func streamNames() []string {
	names := []string{"", "*", "[a]", "a", "ab\r\nc", "ab*", "b?", "b\\", "k", "\xff", "\xff\xff"}
	for i := range 60 {
		names = append(names, fmt.Sprintf("key:%02d", i))
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
				g := scan(t, s, NewPass(0, format.TypeStream, nil, nil))
				if !slices.Equal(g.keys, want) || len(g.skipped) > 0 {
					t.Errorf("%q, want %q; skipped %v", g.keys, want, g.skipped)
				}
				if n := srv.Commands()["keys"]; n < 256 {
					t.Errorf("KEYS was sent %d times", n)
				}
				part := NewPass(0, format.TypeStream, []byte("ab"), []byte("key:3"))
				part.Prefix = []byte("k")
				want = slices.DeleteFunc(want, func(k string) bool { return k < "ab" || k >= "key:3" || k[:1] != "k" })
				if g := scan(t, s, part); !slices.Equal(g.keys, want) {
					t.Errorf("part: %q, want %q", g.keys, want)
				}
			})
		}
	}
}

// TestStreamsCut: a listing that the timeout cuts is made prefix by prefix on 3.5; on 4.0 that is no
// help, and the run says what is.
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
	if g := scan(t, s, pass); fmt.Sprint(g.keys) != "[a aaa]" {
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

// TestStreamsCounted: on 4.0 streams are only listed if a count that began now found some, or cannot
// be had; on 3.5 nothing is counted.
func TestStreamsCounted(t *testing.T) {
	const text = "# Duration: In Processing\r\ndb0 Streams_keys=0\r\n"
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
			g := scan(t, s, NewPass(0, format.TypeStream, nil, nil))
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
