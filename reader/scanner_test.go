package reader

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

var versions = []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V400, pikasim.V401}

// gathered is a Sink that puts the parts of keys together.
type gathered struct {
	t       *testing.T
	keys    []string
	values  map[string]string // a canonical text of each value
	expires map[string]int64
	skipped map[Reason][]string
	parts   int
	dropped int
	open    bool
}

func newGathered(t *testing.T) *gathered {
	return &gathered{t: t, values: map[string]string{}, expires: map[string]int64{}, skipped: map[Reason][]string{}}
}

func (g *gathered) Record(r *format.Record) error {
	if err := r.Validate(); err != nil {
		g.t.Errorf("record of %q: %v", r.Key, err)
	}
	key := string(r.Key)
	first := r.Part&format.PartFirst != 0
	switch {
	case first == g.open:
		g.t.Errorf("key %q: part %d does not follow", key, r.Part)
	case first:
		g.keys = append(g.keys, key)
		g.expires[key] = r.Expire
	case g.keys[len(g.keys)-1] != key:
		g.t.Errorf("key %q inside %q", key, g.keys[len(g.keys)-1])
	}
	g.open = r.Part&format.PartLast == 0
	g.parts++
	g.values[key] += recordText(r)
	return nil
}

func recordText(r *format.Record) string {
	var s strings.Builder
	s.Write(r.Value)
	for i, e := range r.Elems {
		fmt.Fprintf(&s, "%q", e)
		if r.Kind == format.Zset {
			fmt.Fprintf(&s, "=%x", math.Float64bits(r.Scores[i]))
		}
		s.WriteByte(' ')
	}
	for _, e := range r.Entries {
		fmt.Fprintf(&s, "%s%q ", e.ID, e.Fields)
	}
	if r.State != nil {
		fmt.Fprintf(&s, "%v", *r.State)
	}
	return s.String()
}

func (g *gathered) Skip(key []byte, reason Reason, _ string) error {
	g.skipped[reason] = append(g.skipped[reason], string(key))
	return nil
}

func (g *gathered) Drop(key []byte, _ Reason) error {
	if !g.open || g.keys[len(g.keys)-1] != string(key) {
		g.t.Errorf("key %q is dropped, and was not open", key)
	}
	g.keys = g.keys[:len(g.keys)-1]
	delete(g.values, string(key))
	delete(g.expires, string(key))
	g.open = false
	g.dropped++
	return nil
}

func startSim(t *testing.T, o pikasim.Options) (*pikasim.Server, *redis.Client) {
	t.Helper()
	s, err := pikasim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	// After a timeout, which a busy machine brings about, the client would go on in database 0.
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true, Password: o.Password, ReadTimeout: -1})
	t.Cleanup(func() { c.Close() })
	return s, c
}

func mustDo(t *testing.T, c *redis.Client, args ...any) {
	t.Helper()
	if err := c.Do(context.Background(), args...).Err(); err != nil {
		t.Fatalf("%.80v: %v", args, err)
	}
}

func open(t *testing.T, o Options) *Scanner {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scanPass(t *testing.T, s *Scanner, pass *Pass) *gathered {
	t.Helper()
	g := newGathered(t)
	if err := s.Scan(t.Context(), pass, g); err != nil {
		t.Fatalf("scan %s: %v", pass.Type, err)
	}
	if g.open {
		t.Errorf("scan %s: the last key has no last part", pass.Type)
	}
	return g
}

// randomKey gives short keys over few bytes, NUL and 0xff among them where
// the version keeps them.
func randomKey(rng *rand.Rand, nul bool) string {
	alphabet := "ab\r\n\xff\xfe*[z\x01"
	if nul {
		alphabet += "\x00"
	}
	b := make([]byte, rng.IntN(5))
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(b)
}

// TestScanAll holds every type of every version against a model.
func TestScanAll(t *testing.T) {
	for _, v := range versions {
		for _, small := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/small=%v", v, small), func(t *testing.T) { testScanAll(t, v, ScanAuto, small) })
		}
	}
}

func testScanAll(t *testing.T, v pikasim.Version, how string, small bool) {
	now := time.Unix(1_800_000_000, 123_456_789)
	srv, c := startSim(t, pikasim.Options{Version: v, Clock: func() time.Time { return now }})
	o := Options{Addr: srv.Addr(), Scan: how}
	if small { // many pages, batches and pieces
		o.PageKeys, o.BatchKeys, o.PieceElements = 3, 2, 4
	}
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[format.Type]map[string]string{}
	expires := map[string]int64{}
	four := v == pikasim.V400 || v == pikasim.V401
	types := []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeSet, format.TypeZset}
	if v >= pikasim.V355 && how != ScanScan {
		types = append(types, format.TypeStream)
	}
	used := map[string]bool{}
	for _, typ := range types {
		want[typ] = map[string]string{}
		for range 200 {
			key := randomKey(rng, !four)
			if want[typ][key] != "" || four && used[key] {
				continue
			}
			used[key] = true
			n := 1 + rng.IntN(3)
			if rng.IntN(20) == 0 {
				n = 3 + rng.IntN(1200)
			}
			want[typ][key] = fill(t, c, typ, key, n, rng)
		}
	}
	// After all types are filled: EXPIREAT reaches every type of a name.
	for _, typ := range types[:5] {
		for _, key := range slices.Sorted(maps.Keys(want[typ])) {
			if rng.IntN(3) == 0 {
				at := 1_800_000_010 + rng.Int64N(100_000)
				mustDo(t, c, "EXPIREAT", key, at)
				expires[key] = at * 1000
			}
		}
	}
	if v == pikasim.V401 {
		for key := range maps.Keys(want[format.TypeString]) {
			mustDo(t, c, "PEXPIRE", key, 123_457)
			expires[key] = now.UnixMilli() + 123_457
		}
	}
	s := open(t, o)
	if small {
		s.scanCount = 7
	}
	// Where TTL can speak of another type of the name, the key's own expiry is unknown: it gets
	// none, and is listed.
	unknown := func(typ format.Type, key string) bool {
		return typ != format.TypeStream && !four && slices.ContainsFunc(rivalsOf(v, typ), func(other format.Type) bool { return want[other][key] != "" })
	}
	for typ, g := range scanTypes(t, s, types) {
		if !slices.IsSorted(g.keys) {
			t.Errorf("%s: keys are not in byte order", typ)
		}
		if len(g.keys) != len(want[typ]) {
			t.Errorf("%s: %d keys, want %d", typ, len(g.keys), len(want[typ]))
		}
		for key, value := range want[typ] {
			if got := g.values[key]; got != value && (typ != format.TypeZset || !sameElements(got, value)) {
				t.Errorf("%s %q: got %.200q, want %.200q", typ, key, g.values[key], value)
			}
			at := expires[key]
			if typ == format.TypeStream || unknown(typ, key) {
				at = 0
			}
			if g.expires[key] != at {
				t.Errorf("%s %q: expires at %d, want %d", typ, key, g.expires[key], at)
			}
		}
		listed := slices.DeleteFunc(slices.Sorted(maps.Keys(want[typ])), func(key string) bool { return !unknown(typ, key) })
		if !slices.Equal(g.skipped[ExpiryUnknown], listed) || len(g.skipped) > min(1, len(listed)) {
			t.Errorf("%s: skipped %q, want %q with unknown expiries", typ, g.skipped, listed)
		}
	}
}

// rivalsOf are the types of which TTL can speak where a key of type typ is meant. The cache of
// 3.5.5 is on.
func rivalsOf(v pikasim.Version, typ format.Type) []format.Type {
	order := []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeZset, format.TypeSet}
	switch v {
	case pikasim.V236:
		order = []format.Type{format.TypeString, format.TypeHash, format.TypeZset, format.TypeSet, format.TypeList}
	case pikasim.V302, pikasim.V303:
		order[3], order[4] = order[4], order[3]
	case pikasim.V355:
		return slices.DeleteFunc(order, func(t format.Type) bool { return t == typ })
	}
	return order[:slices.Index(order, typ)]
}

// fill writes a value of n elements and returns its recordText.
func fill(t *testing.T, c *redis.Client, typ format.Type, key string, n int, rng *rand.Rand) string {
	t.Helper()
	var r format.Record
	args := []any{"", key}
	seen := map[string]bool{}
	var members []string
	for len(members) < n {
		m := fmt.Sprintf("%s%d", randomKey(rng, true), rng.IntN(5*n))
		if !seen[m] {
			seen[m] = true
			members = append(members, m)
		}
	}
	if typ != format.TypeList {
		slices.Sort(members)
	}
	switch typ {
	case format.TypeString:
		v := strings.Repeat("v\x00", n)
		mustDo(t, c, "SET", key, v)
		return v
	case format.TypeHash:
		args[0] = "HMSET"
		for _, m := range members {
			args = append(args, m, m+"\r\n")
			r.Elems = append(r.Elems, []byte(m), []byte(m+"\r\n"))
		}
	case format.TypeList:
		args[0] = "RPUSH"
	case format.TypeSet:
		args[0] = "SADD"
	case format.TypeZset:
		args[0], r.Kind = "ZADD", format.Zset
		scores := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 0.1, 1e308, 5e-324, 1 << 53, -3}
		for i, m := range members {
			score := scores[i%len(scores)]
			args = append(args, score, m)
			r.Elems, r.Scores = append(r.Elems, []byte(m)), append(r.Scores, score)
		}
	case format.TypeStream:
		for i, m := range members {
			id := fmt.Sprintf("%d-%d", 1+i/3, 1+i%3)
			mustDo(t, c, "XADD", key, id, m, "")
			r.Entries = append(r.Entries, format.Entry{
				ID: format.StreamID{Ms: uint64(1 + i/3), Seq: uint64(1 + i%3)}, Fields: [][]byte{[]byte(m), {}},
			})
		}
		last := r.Entries[n-1].ID
		r.State = &format.StreamState{LastID: last, EntriesAdded: uint64(n)}
		return recordText(&r)
	}
	if typ == format.TypeList || typ == format.TypeSet {
		for _, m := range members {
			args = append(args, m)
			r.Elems = append(r.Elems, []byte(m))
		}
	}
	mustDo(t, c, args...)
	return recordText(&r)
}

// TestScanRange splits a keyspace at every key: together the ranges give each key once.
func TestScanRange(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{})
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		mustDo(t, c, "SET", randomKey(rng, true), "x")
	}
	s := open(t, Options{Addr: srv.Addr(), PageKeys: 4})
	all := scanPass(t, s, NewPass(0, format.TypeString, nil, nil)).keys
	for _, at := range append(all, "", "zzz") {
		left := scanPass(t, s, NewPass(0, format.TypeString, nil, []byte(at))).keys
		right := scanPass(t, s, NewPass(0, format.TypeString, []byte(at), nil)).keys
		if got := append(slices.Clone(left), right...); !slices.Equal(got, all) {
			t.Errorf("split at %q: %q and %q", at, left, right)
		}
	}
	for _, prefix := range []string{"a", "\xff", "b*", "\xff\xff", "none"} {
		want := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return !strings.HasPrefix(k, prefix) })
		pass := NewPass(0, format.TypeString, nil, nil)
		pass.Prefix = []byte(prefix)
		got := scanPass(t, s, pass).keys
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, want %q", prefix, got, want)
		}
	}
}

// TestScanLarge reads what is larger than a reply's target, in pieces.
func TestScanLarge(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{})
	value := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MiB
	mustDo(t, c, "SET", "big", value)
	for i := range 40 {
		mustDo(t, c, "HSET", "hash", fmt.Sprint(i), value[:100_000+i])
	}
	s := open(t, Options{Addr: srv.Addr(), ReplyBytes: 256 << 10, PieceElements: 16})
	g := scanPass(t, s, NewPass(0, format.TypeString, nil, nil))
	if g.values["big"] != string(value) || g.parts != 3 {
		t.Errorf("string of 3 MiB: %d bytes in %d parts", len(g.values["big"]), g.parts)
	}
	if g := scanPass(t, s, NewPass(0, format.TypeHash, nil, nil)); g.parts < 10 {
		t.Errorf("hash of 4 MB in %d parts: the piece did not adapt", g.parts)
	}
}

// TestNow: the source's time is what its clock showed with the expiries that were read last.
func TestNow(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var ahead atomic.Int64
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V355, Clock: func() time.Time { return now.Add(time.Duration(ahead.Load())) }})
	mustDo(t, c, "HSET", "k", "f", "v")
	mustDo(t, c, "EXPIRE", "k", 100_000)
	s := open(t, Options{Addr: srv.Addr()})
	for _, d := range []time.Duration{0, -time.Hour, time.Hour} {
		ahead.Store(int64(d))
		if err := s.Scan(t.Context(), NewPass(0, format.TypeHash, nil, nil), newGathered(t)); err != nil {
			t.Fatal(err)
		}
		if is := s.Now().Sub(now); is < d || is > d+time.Minute {
			t.Errorf("%s: it is %s", d, is)
		}
	}
}
