package reader

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A moment is a place among the commands of a pass at which something happens at the source.
type moment struct {
	srv   *pikasim.Server
	c     *redis.Client
	s     *Scanner
	now   atomic.Int64 // the source's clock, s
	count atomic.Int64
	at    int64 // happens before this command of the pass; 0: never
	what  func()
}

func newMoment(t *testing.T, v pikasim.Version, o Options) *moment {
	m := &moment{what: func() {}}
	m.now.Store(1_800_000_000)
	m.srv, m.c = startSim(t, pikasim.Options{Version: v, Config: map[string]string{"cache-model": "0"},
		Clock: func() time.Time { return time.Unix(m.now.Load(), 500e6) },
		Intercept: func(int, [][]byte) ([]byte, bool, bool) {
			if m.count.Add(1) == m.at {
				m.what()
			}
			return nil, false, false
		}})
	o.Addr = m.srv.Addr()
	m.s = open(t, o)
	return m
}

// each makes the pass once for every place among its commands.
func (m *moment) each(t *testing.T, typ format.Type, set func(), what func(), check func(g *gathered, at int64)) {
	t.Helper()
	m.what = what
	for at, end := int64(1), int64(2); at < end; at++ {
		m.at = 0
		mustDo(t, m.c, "FLUSHALL")
		set()
		m.count.Store(0)
		m.at = at
		g := scanPass(t, m.s, NewPass(0, typ, nil, nil))
		end = m.count.Load()
		check(g, at)
	}
}

// oneOf writes a value of a type.
func oneOf(t *testing.T, c *redis.Client, typ format.Type, key, value string) {
	switch typ {
	case format.TypeString:
		mustDo(t, c, "SET", key, value)
	case format.TypeHash:
		mustDo(t, c, "HSET", key, "f", value)
	case format.TypeList:
		mustDo(t, c, "RPUSH", key, value)
	case format.TypeZset:
		mustDo(t, c, "ZADD", key, 1, value)
	case format.TypeSet:
		mustDo(t, c, "SADD", key, value)
	}
}

// TestExpiryOfAnother: of a name in two types, one of which expires at any moment of the pass, each
// has its own expiry, or is listed; none gets that of the other.
func TestExpiryOfAnother(t *testing.T) {
	pairs := map[pikasim.Version][][2]format.Type{
		pikasim.V340: {{format.TypeString, format.TypeHash}, {format.TypeZset, format.TypeSet}},
		pikasim.V355: {{format.TypeString, format.TypeSet}, {format.TypeHash, format.TypeList}},
	}
	const keys = 3
	for v, pairs := range pairs {
		m := newMoment(t, v, Options{PageKeys: 2})
		for _, pair := range pairs {
			for _, typ := range pair {
				for expiring, dies := range pair { // the type that expires
					stays := pair[1-expiring]
					set := func() {
						for i := range keys {
							key := fmt.Sprint("k", i)
							oneOf(t, m.c, dies, key, "v")
							mustDo(t, m.c, "EXPIRE", key, 100)
							oneOf(t, m.c, stays, key, "v")
						}
						oneOf(t, m.c, typ, "k1+", "v") // alone
					}
					want := int64(0)
					if typ == dies {
						want = (m.now.Load() + 100) * 1000
					}
					m.each(t, typ, set, func() { m.now.Add(200) }, func(g *gathered, at int64) {
						if typ == dies {
							want = (m.now.Load() - 200 + 100) * 1000
						}
						told := 0
						for _, key := range g.keys {
							unknown := slices.Contains(g.skipped[ExpiryUnknown], key)
							if got := g.expires[key]; key != "k1+" && got != want && !(unknown && got == 0) {
								t.Fatalf("%s, %s of %v, %s expires at command %d: %q expires at %d, want %d", v, typ, pair, dies, at, key, got, want)
							}
							if !unknown {
								told++
							}
						}
						n := len(g.keys) + len(g.skipped[DeletedOrExpired]) + len(g.skipped[Gone])
						if typ == stays && len(g.keys) != keys+1 || at > 20 && n != keys+1 {
							t.Fatalf("%s, %s of %v, %s expires at command %d: %q, skipped %v", v, typ, pair, dies, at, g.keys, g.skipped)
						}
						if at == 1 && typ == stays && told != keys+1 {
							t.Fatalf("%s, %s of %v, %s has expired: unknown is the expiry of %q", v, typ, pair, dies, g.skipped)
						}
					})
				}
			}
		}
	}
}

// TestExpiryNewest: of a key that is overwritten at any moment of the pass the expiry is not older
// than the value: a permanent key is never dumped with the expiry of the value before, and an
// expiring one never without its own.
func TestExpiryNewest(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V400, pikasim.V401} {
		m := newMoment(t, v, Options{})
		for _, typ := range []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeZset, format.TypeSet} {
			for _, expires := range []bool{false, true} { // after it was overwritten
				write := func(value string, expires bool) {
					mustDo(t, m.c, "DEL", "k")
					oneOf(t, m.c, typ, "k", value)
					if expires {
						mustDo(t, m.c, "EXPIRE", "k", 100)
					}
				}
				m.each(t, typ, func() { write("old", !expires) }, func() { write("new", expires) }, func(g *gathered, at int64) {
					if len(g.keys) == 0 && len(g.skipped[DeletedOrExpired])+len(g.skipped[Gone]) == 1 { // it was not there for a moment
						return
					}
					isNew := strings.Contains(g.values["k"], "new")
					if got := g.expires["k"] != 0; isNew && got != expires || len(g.keys) != 1 {
						t.Errorf("%s, %s overwritten at command %d: %q, new: %v, expires: %v, want %v; skipped %v", v, typ, at, g.keys, isNew, got, expires, g.skipped)
					}
				})
			}
		}
	}
}

// TestApartFromCallToCall: when the names of a call lie among too many others to be listed as a
// range, the next calls look for each by itself at once, and ask for no expiry twice.
func TestApartFromCallToCall(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Config: map[string]string{"cache-model": "0"}})
	var keys [][]byte
	for i := range 8 {
		keys = append(keys, fmt.Appendf(nil, "k%d", i))
		mustDo(t, c, "SADD", string(keys[i]), "m")
		for j := range 100 {
			mustDo(t, c, "SET", fmt.Sprintf("k%d:%d", i, j), "v")
		}
	}
	k, err := open(t, Options{Addr: srv.Addr()}).NewKeyReader(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	for call := range 2 {
		before := srv.Commands()["ttl"]
		if err := k.ReadKeys(t.Context(), format.TypeSet, keys, newGathered(t)); err != nil {
			t.Fatal(err)
		}
		asked := srv.Commands()["ttl"] - before
		if again := asked > int64(len(keys)); again != (call == 0) {
			t.Errorf("call %d asks TTL %d times for %d keys", call, asked, len(keys))
		}
	}
}
