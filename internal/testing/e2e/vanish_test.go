package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// meanwhile calls do once, when a dump asks for the first expiry: keys have been listed by
// then, and not yet read.
type meanwhile struct {
	armed atomic.Bool
	do    func()
}

func (m *meanwhile) intercept(_ int, args [][]byte) ([]byte, bool, bool) {
	name := strings.ToLower(string(args[0]))
	asks := (name == "ttl" || name == "pttl") && strings.HasPrefix(string(args[1]), "key ")
	if asks && m.armed.CompareAndSwap(true, false) {
		m.do()
	}
	return nil, false, false
}

// collectionKeys are fewer than are listed with the first page.
const collectionKeys = 7

func fillVanishing(t *testing.T, c *redis.Client, typ format.Type) (keys []string) {
	for i := range collectionKeys {
		key := fmt.Sprint("key ", i)
		keys = append(keys, key)
		switch typ {
		case format.TypeString:
			do(t, c, "SET", key, "v")
		case format.TypeHash:
			do(t, c, "HMSET", key, "f", "v")
		case format.TypeList:
			do(t, c, "RPUSH", key, "v")
		case format.TypeSet:
			do(t, c, "SADD", key, "v")
		case format.TypeZset:
			do(t, c, "ZADD", key, 1, "v")
		}
	}
	return keys
}

var rangedTypes = []format.Type{format.TypeString, format.TypeHash, format.TypeList, format.TypeSet, format.TypeZset}

// TestVanish: keys that are deleted between being listed and being read are listed by name; of
// strings of 4.0 it is known that they did not expire.
func TestVanish(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		for _, typ := range rangedTypes {
			t.Run(fmt.Sprint(v, " ", typ), func(t *testing.T) {
				var m meanwhile
				s := simulate(t, pikasim.Options{Version: v, Intercept: m.intercept})
				c := client(t, s.addr, 0)
				keys := fillVanishing(t, c, typ)
				deleted := keys[2:5]
				m.do = func() { do(t, c, "DEL", deleted[0], deleted[1], deleted[2]) }
				m.armed.Store(true)
				code, reason := 0, reader.DeletedOrExpired
				if s.oneType() && typ == format.TypeString {
					code, reason = 3, reader.Gone
				}
				dir := dump(t, code, s)
				mustSkip(t, dir, typ, 0, reason, deleted...)
				to := startRedis(t)
				load(t, 0, dir, to)
				mustHold(t, to, 0, append(keys[:2:2], keys[5:]...)...)
			})
		}
	}
}

// TestExpireMeanwhile: keys that expire between being listed and being read are no loss.
// Only of strings, and only since 4.0, can a Pika tell them from keys that
// were deleted: the others are listed by name, without an exit code.
func TestExpireMeanwhile(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		for _, typ := range rangedTypes {
			t.Run(fmt.Sprint(v, " ", typ), func(t *testing.T) {
				var (
					m     meanwhile
					ahead atomic.Int64 // seconds that the server's clock has jumped
				)
				s := simulate(t, pikasim.Options{Version: v, Intercept: m.intercept, Clock: func() time.Time {
					return time.Now().Add(time.Duration(ahead.Load()) * time.Second)
				}})
				c := client(t, s.addr, 0)
				keys := fillVanishing(t, c, typ)
				brief := keys[1:4]
				for _, key := range brief {
					do(t, c, "EXPIRE", key, 1000)
				}
				do(t, c, "EXPIRE", keys[5], 100_000)
				m.do = func() { ahead.Store(2000) }
				m.armed.Store(true)
				var dir string
				if s.oneType() && typ == format.TypeString {
					dir = dump(t, 0, s)
					mustSkip(t, dir, typ, int64(len(brief)), "")
				} else {
					dir = dump(t, 0, s)
					mustSkip(t, dir, typ, 0, reader.DeletedOrExpired, brief...)
				}
				to := startRedis(t)
				load(t, 0, dir, to)
				mustHold(t, to, 0, append(keys[:1:1], keys[4:]...)...)
			})
		}
	}
}

// mustSkip checks how many keys a dump counts as expired, and which it lists for a reason.
func mustSkip(t *testing.T, dir string, typ format.Type, expired int64, reason reader.Reason, gone ...string) {
	t.Helper()
	m := inspect(t, dir)
	if m.Expired != expired {
		t.Errorf("%d keys expired, want %d", m.Expired, expired)
	}
	var counted []format.Reason
	if len(gone) > 0 {
		counted = []format.Reason{{Reason: string(reason), Keys: int64(len(gone))}}
	}
	if !slices.Equal(m.Skipped, counted) {
		t.Errorf("skipped %v, want %v", m.Skipped, counted)
	}
	var names []string
	for _, k := range readLines[skippedKey](t, filepath.Join(dir, format.SkippedName)) {
		if k.Type != typ || k.DB != 0 || k.Reason != string(reason) {
			t.Errorf("skipped: %+v", k)
		}
		names = append(names, string(k.Key))
	}
	if !slices.Equal(names, gone) {
		t.Errorf("%s lists %q, want %q", format.SkippedName, names, gone)
	}
}

// TestExpireBeforeLoad: keys whose time is over when the dump is loaded are not written.
// The source's clock goes an hour late, so that they are still there for it.
func TestExpireBeforeLoad(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run(string(v), func(t *testing.T) {
			start := time.Now()
			s := simulate(t, pikasim.Options{Version: v, Clock: func() time.Time { return time.Now().Add(-time.Hour) }})
			f := newFiller(t, client(t, s.addr, 0))
			c := []*record{}
			for i, at := range []time.Time{start.Add(-time.Minute), start.Add(-time.Second), start.Add(time.Hour)} {
				for _, r := range []*record{str("string", "v"), hash("hash", "f", "v"), list("list", "v"), set("set", "v"), zset("zset", "v", 1)} {
					r.Key = fmt.Append(r.Key, i)
					r.Expire = at.Unix() * 1000
					f.record(r)
					if i == 2 {
						c = append(c, r)
					}
				}
			}
			f.flush()
			dir := dump(t, 0, s)
			if total := inspect(t, dir).Totals; len(total) < 5 || total[0].Keys != 3 || total[0].Expiring != 3 {
				t.Errorf("the dump has %v", total)
			}
			eachTarget(t, func(t *testing.T, to target) {
				if left := load(t, 0, dir, to, "--accept", "clock"); len(left) != 0 {
					t.Errorf("left out: %v", left)
				}
				check := newChecker(t, to, 0)
				for _, r := range c {
					check.key(r)
				}
				check.done()
			})
		})
	}
}
