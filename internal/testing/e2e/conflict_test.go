package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// eachManyTypes runs a test with every Pika on which a name can exist under several types.
func eachManyTypes(t *testing.T, test func(t *testing.T, s source)) {
	t.Run("from pikasim 3.5.5", func(t *testing.T) { test(t, simulate(t, pikasim.Options{Version: pikasim.V355})) })
	eachRealSource(t, func(t *testing.T, s source) {
		if s.oneType() {
			t.Skip("a name has one type on Pika " + string(s.version))
		}
		test(t, s)
	})
}

// conflicting are names in several types, in the order in which Pika looks a name up.
var conflicting = [][]*record{
	{str("two", "a string"), hash("two", "field", "a hash")},
	{list("three", "a", "list"), zset("three", "a zset", 1.5), set("three", "a", "set")},
	{str("\r\n\x00\xff", ""), set("\r\n\x00\xff", "")},
	{list("", "an empty name"), zset("", "in two types", -1)},
}

// plain are names in one type, next to the others in byte order.
var plain = []*record{str("tw", "1"), hash("two:", "", ""), list("threeb", "2"), set("thre", "3"), zset("zset", "", 4)}

const conflictExpiry = 2_000_000_000

func fillConflicts(t *testing.T, c *redis.Client) {
	f := newFiller(t, c)
	for _, r := range slices.Concat(slices.Concat(conflicting...), plain) {
		f.record(r)
	}
	f.do("EXPIREAT", "three", conflictExpiry)
	f.flush()
}

// TestConflicts: what becomes of names in several types is for the user to say.
func TestConflicts(t *testing.T) {
	parallel(t)
	eachManyTypes(t, func(t *testing.T, s source) {
		fillConflicts(t, client(t, s.addr, 0))
		dir := dump(t, 3, s, "--source-cache-off") // with the cache on, TTL may speak of any type
		m := inspect(t, dir)
		if m.Conflicts != int64(len(conflicting)) {
			t.Errorf("%d conflicts, want %d", m.Conflicts, len(conflicting))
		}
		if want := []format.Reason{{Reason: "expiry-unknown", Keys: int64(losers())}}; !slices.Equal(m.Skipped, want) {
			t.Errorf("listed %v, want %v", m.Skipped, want)
		}
		t.Run("fail", func(t *testing.T) {
			eachTarget(t, func(t *testing.T, to target) {
				load(t, 5, dir, to)
				mustHold(t, to, 0)
			})
		})
		t.Run("first", func(t *testing.T) {
			eachTarget(t, func(t *testing.T, to target) { loadFirst(t, dir, to) })
		})
		t.Run("suffix", func(t *testing.T) {
			eachTarget(t, func(t *testing.T, to target) { loadSuffixed(t, dir, to) })
		})
	})
}

// loadFirst: each name has the type that Pika would show; the others are reported.
func loadFirst(t *testing.T, dir string, to target) {
	left := load(t, 3, dir, to, "--on-conflict", "first")
	c := newChecker(t, to, 0)
	for _, r := range plain {
		c.key(r)
	}
	for _, types := range conflicting {
		c.key(expiring(types[0]))
		for _, r := range types[1:] {
			i := slices.IndexFunc(left, func(l leftOut) bool {
				return string(l.Key) == string(r.Key) && l.Kind == r.Kind.String() && l.Reason == "conflict"
			})
			if i < 0 {
				t.Errorf("the report does not list the %s %q", r.Kind, r.Key)
				continue
			}
			left = slices.Delete(left, i, i+1)
		}
	}
	c.done()
	if len(left) > 0 {
		t.Errorf("the report lists %v as well", left)
	}
	list, _ := verifying(t, 0, dir, to, "--on-conflict", "first", "--reverse")
	checkExplained(t, list, map[string]int{"conflict loser": losers()})
}

// losers is how many keys lose their name to another type.
func losers() (n int) {
	for _, types := range conflicting {
		n += len(types) - 1
	}
	return n
}

// checkExplained checks that all lines of a report are explained, and counts their classes.
func checkExplained(t *testing.T, list []differs, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, d := range list {
		got[d.Class]++
		if !d.Explained {
			t.Errorf("%s %q: %s, %s", d.Kind, d.Key, d.Class, d.Detail)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("explained: %v, want %v", got, want)
	}
}

// loadSuffixed: all types are there, the others under new names.
func loadSuffixed(t *testing.T, dir string, to target) {
	load(t, 0, dir, to, "--on-conflict", "suffix")
	c := newChecker(t, to, 0)
	for _, r := range plain {
		c.key(r)
	}
	for _, types := range conflicting {
		c.key(expiring(types[0]))
		for _, r := range types[1:] {
			renamed := *r // its expiry is unknown: it has none
			renamed.Key = slices.Concat(r.Key, []byte(":"+r.Kind.String()))
			c.key(&renamed)
		}
	}
	c.done()
	list, _ := verifying(t, 0, dir, to, "--on-conflict", "suffix", "--reverse")
	checkExplained(t, list, map[string]int{"renamed": losers()})
	do(t, client(t, to.addr, 0), "RENAME", "two:hash", "two:set")
	list, _ = verifying(t, 4, dir, to, "--on-conflict", "suffix", "--reverse")
	checkClasses(t, list, map[string][]string{"two": {"missing"}, "two:set": {"not in the dump"}})
}

// expiring returns r, the first type of its name, as it is after EXPIREAT, which reaches all types.
// TTL tells that of the first.
func expiring(r *record) *record {
	e := *r
	if string(r.Key) == "three" {
		e.Expire = conflictExpiry * 1000
	}
	return &e
}

// TestSuffixTaken: a name that would be made anew and is there already is refused.
func TestSuffixTaken(t *testing.T) {
	parallel(t)
	eachManyTypes(t, func(t *testing.T, s source) {
		f := newFiller(t, client(t, s.addr, 0))
		for _, r := range []*record{str("a", "1"), set("a", "2"), str("a:set", "3")} {
			f.record(r)
		}
		f.flush()
		dir, to := dump(t, 3, s), startRedis(t)
		load(t, 5, dir, to, "--on-conflict", "suffix")
		mustHold(t, to, 0)
		load(t, 0, dir, to, "--type", "string")
		mustHold(t, to, 0, "a", "a:set")
	})
}

func str(key, value string) *record {
	r := collection(format.String, key)
	r.Value = []byte(value)
	return r
}

func hash(key string, pairs ...string) *record  { return collection(format.Hash, key, pairs...) }
func list(key string, elems ...string) *record  { return collection(format.List, key, elems...) }
func set(key string, members ...string) *record { return collection(format.Set, key, members...) }

func zset(key, member string, score float64) *record {
	r := collection(format.Zset, key, member)
	r.Scores = []float64{score}
	return r
}

func collection(kind format.Kind, key string, elems ...string) *record {
	r := &record{}
	r.Kind, r.Key, r.Part = kind, []byte(key), format.PartWhole
	for _, e := range elems {
		r.Elems = append(r.Elems, []byte(e))
	}
	return r
}
