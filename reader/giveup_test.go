package reader

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// bufferGauge is the size of the largest buffer that a reply was in.
type bufferGauge struct{ most int }

func (g *bufferGauge) saw(n int) { g.most = max(g.most, n) }

// TestLargeAfterSmall: where values become large behind many small ones, replies are given up
// before they fill memory, and everything is read all the same: in a pass, by name, by cursor, and
// for a sample.
func TestLargeAfterSmall(t *testing.T) {
	const reply, small, large = 4 << 10, 300, 9
	// A buffer grows by doubling, and holds what it was allowed to, or the largest value.
	bound := func(value int) int { return 2*max(mostReplies*reply, value+1024) + resp.LeastRead }
	for _, typ := range format.Types {
		for _, x := range []struct {
			version         pikasim.Version
			elements, bytes int
		}{
			{pikasim.V355, 40, 2 << 10}, {pikasim.V401, 2, 40 << 10}, {pikasim.V303, 8, 8 << 10}, {pikasim.V302, 8, 8 << 10},
		} {
			if typ == format.TypeStream && x.version != pikasim.V355 && x.version != pikasim.V401 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", typ, x.version), func(t *testing.T) {
				srv, c := startSim(t, pikasim.Options{Version: x.version})
				pipe := c.Pipeline()
				fill := func(key string, elements int, value []byte) {
					for i := range elements {
						v := append(fmt.Appendf(nil, "%04d", i), value...)
						switch typ {
						case format.TypeString:
							pipe.Do(t.Context(), "SET", key, value)
							return
						case format.TypeHash:
							pipe.Do(t.Context(), "HSET", key, i, v)
						case format.TypeList:
							pipe.Do(t.Context(), "RPUSH", key, v)
						case format.TypeSet:
							pipe.Do(t.Context(), "SADD", key, v)
						case format.TypeZset:
							pipe.Do(t.Context(), "ZADD", key, i, v)
						case format.TypeStream:
							pipe.Do(t.Context(), "XADD", key, fmt.Sprintf("%d-1", i+1), "f", v)
						}
					}
				}
				value := bytes.Repeat([]byte("v"), x.bytes)
				for i := range small {
					fill(fmt.Sprintf("a%04d", i), 1, []byte("v"))
				}
				for i := range large {
					fill(fmt.Sprintf("b%04d", i), x.elements, value)
				}
				fill("c", 1, nil)
				mustExec(t, pipe)
				var gauge bufferGauge
				s := open(t, Options{Addr: srv.Addr(), ReplyBytes: reply, sawBuffer: gauge.saw})
				check := func(how string, g *gathered) {
					t.Helper()
					if len(g.keys) != small+large+1 || len(g.skipped) > 0 {
						t.Errorf("%s: %d keys, skipped %v", how, len(g.keys), g.skipped)
					}
					n := strings.Count(g.values["b0007"], string(value))
					if want := x.elements; n != want && (typ != format.TypeString || n != 1) {
						t.Errorf("%s: %d elements, want %d", how, n, want)
					}
					if gauge.most > bound(x.bytes) {
						t.Errorf("%s: a buffer of %d bytes, at most %d are needed", how, gauge.most, bound(x.bytes))
					}
					gauge.most = 0
				}
				gauge.most = 0
				g := scanTypes(t, s, []format.Type{typ})[typ]
				check("pass", g)
				if s.listing != byRange {
					return
				}
				k, err := s.NewKeyReader(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				defer k.Close()
				named := newGathered(t)
				var keys [][]byte
				for _, key := range g.keys {
					keys = append(keys, []byte(key))
				}
				for ; len(keys) > 0; keys = keys[min(128, len(keys)):] {
					if err := k.ReadKeys(t.Context(), typ, keys[:min(128, len(keys))], named); err != nil {
						t.Fatal(err)
					}
				}
				check("by name", named)
				gauge.most = 0
				if _, err := s.TreeSample(t.Context(), 0, typ, TreeSampleOptions{Picks: 4, LeafKeys: 50}, func(float64, Sampled) error { return nil }); err != nil {
					t.Error(err)
				}
				if gauge.most > bound(x.bytes) {
					t.Errorf("census: a buffer of %d bytes", gauge.most)
				}
			})
		}
	}
}

// TestAboveAllLimits: a value that is larger than all that can be taken in is left out and listed,
// and what stands around it is read.
func TestAboveAllLimits(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V401, pikasim.V303, pikasim.V302} {
		srv, c := startSim(t, pikasim.Options{Version: v})
		for i := range 50 {
			mustDo(t, c, "SET", fmt.Sprintf("k%02d", i), "v")
		}
		for _, key := range []string{"k00", "k20", "k21", "k49"} {
			mustDo(t, c, "SET", key, strings.Repeat("v", 300<<10))
		}
		s := open(t, Options{Addr: srv.Addr(), ReplyBytes: 4 << 10})
		s.maxReply = 200 << 10
		g := scanTypes(t, s, []format.Type{format.TypeString})[format.TypeString]
		if len(g.keys) != 46 || fmt.Sprint(g.skipped[TooLarge]) != "[k00 k20 k21 k49]" || len(g.skipped) > 1 {
			t.Errorf("%s: %d keys, skipped %v", v, len(g.keys), g.skipped)
		}
		if s.listing != byRange {
			continue
		}
		k, err := s.NewKeyReader(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		named := newGathered(t)
		if err := k.ReadKeys(t.Context(), format.TypeString, [][]byte{[]byte("k19"), []byte("k20"), []byte("k22")}, named); err != nil {
			t.Error(err)
		}
		if len(named.keys) != 2 || len(named.skipped[TooLarge]) != 1 {
			t.Errorf("%s: by name %q, skipped %v", v, named.keys, named.skipped)
		}
		if _, err := s.TreeSample(t.Context(), 0, format.TypeString, TreeSampleOptions{LeafKeys: 50}, func(float64, Sampled) error { return nil }); err != nil {
			t.Error(err)
		}
	}
}

// TestElementAboveAllLimits: so is a collection with such an element in its middle, once, by a pass
// and by name.
func TestElementAboveAllLimits(t *testing.T) {
	types := []format.Type{format.TypeHash, format.TypeSet, format.TypeZset, format.TypeList, format.TypeStream}
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V355})
	for _, typ := range types {
		for i := range 300 {
			e := fmt.Sprintf("e%03d", i)
			if i == 200 {
				e += strings.Repeat("e", 300<<10)
			}
			mustDo(t, c, map[format.Type][]any{
				format.TypeHash: {"HSET", "hash1", e, "v"}, format.TypeSet: {"SADD", "set1", e}, format.TypeZset: {"ZADD", "zset1", i, e},
				format.TypeList: {"RPUSH", "list1", e}, format.TypeStream: {"XADD", "stream1", fmt.Sprintf("%d-1", i+1), "f", e},
			}[typ]...)
		}
		for _, i := range []int{0, 2} {
			key := fmt.Sprintf("%s%d", typ, i)
			mustDo(t, c, map[format.Type][]any{
				format.TypeHash: {"HSET", key, "f", "v"}, format.TypeSet: {"SADD", key, "e"}, format.TypeZset: {"ZADD", key, 1, "e"},
				format.TypeList: {"RPUSH", key, "e"}, format.TypeStream: {"XADD", key, "1-1", "f", "v"},
			}[typ]...)
		}
	}
	s := open(t, Options{Addr: srv.Addr(), ReplyBytes: 4 << 10})
	s.maxReply = 200 << 10
	for typ, g := range scanTypes(t, s, types) {
		named := newGathered(t)
		k, err := s.NewKeyReader(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		if err := k.ReadKeys(t.Context(), typ, [][]byte{[]byte(typ + "0"), []byte(typ + "1"), []byte(typ + "2")}, named); err != nil {
			t.Errorf("%s by name: %v", typ, err)
		}
		for _, g := range []*gathered{g, named} {
			if fmt.Sprint(g.keys) != fmt.Sprintf("[%s0 %s2]", typ, typ) || fmt.Sprint(g.skipped) != fmt.Sprintf("map[too-large:[%s1]]", typ) {
				t.Errorf("%s: %q, skipped %v", typ, g.keys, g.skipped)
			}
		}
	}
}

func mustExec(t *testing.T, pipe redis.Pipeliner) {
	t.Helper()
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}
