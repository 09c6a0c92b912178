package writer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func TestRealEveryKind(t *testing.T) {
	each(t, func(t *testing.T, addr string, c *redis.Client) {
		list := oneOfEach()
		s, left := mustLoad(t, Options{Target: target.Options{Addr: addr}}, list...)
		if len(left) != 0 || s.Keys != int64(len(list)) {
			t.Errorf("%d of %d keys, left out %v", s.Keys, len(list), left)
		}
		for i := range list {
			compare(t, c, &list[i])
		}
	})
}

func TestRealPartsAndPieces(t *testing.T) {
	for name, o := range map[string]Options{"defaults": {}, "small": {BatchBytes: 1000, RawBytes: 1000, BatchCommands: 7, CommandBytes: 300, CommandElements: 5}, "replace": {OnExists: Replace}, "skip": {OnExists: Skip, BatchCommands: 10}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, addr string, c *redis.Client) {
				var list []format.Record
				keys := large()
				for i := range keys {
					list = append(list, cut(keys[i], 1+i%4)...)
				}
				o := o
				o.Target.Addr = addr
				s, left := mustLoad(t, o, list...)
				if len(left) != 0 || s.Keys != int64(len(keys)) {
					t.Errorf("%d of %d keys, left out %v", s.Keys, len(keys), left)
				}
				for i := range keys {
					compare(t, c, &keys[i])
				}
			})
		})
	}
}

// TestRealManyStrings: groups of an MSET and single SETs make the same.
func TestRealManyStrings(t *testing.T) {
	each(t, func(t *testing.T, addr string, c *redis.Client) {
		var list []format.Record
		for i := range 3000 {
			expire := int64(0)
			if i%3 == 0 {
				expire = farFuture
			}
			list = append(list, str(fmt.Sprintf("k%05d", i), strings.Repeat("v", i), expire))
		}
		s, _ := mustLoad(t, Options{Target: target.Options{Addr: addr}}, list...)
		if s.Keys != 3000 || s.Elements != 3000 {
			t.Errorf("%+v", s)
		}
		for i := range list {
			compare(t, c, &list[i])
		}
	})
}

// TestRealScores: what the server makes of scores that it may refuse.
func TestRealScores(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		scores := []float64{math.NaN(), 5e-324, -5e-324, math.Copysign(0, -1), 1}
		r := expiring(zset("z", scores, "nan", "sub", "-sub", "-0", "1"), farFuture)
		only := expiring(zset("zz", scores[:1], "nan"), farFuture)
		_, left := mustLoad(t, Options{Target: target.Options{Addr: addr}}, r, only)
		got, err := c.ZRangeWithScores(t.Context(), "z", 0, -1).Result()
		if err != nil {
			t.Fatal(err)
		}
		reported := 0
		for _, l := range left {
			if string(l.Key) == "z" {
				reported++
			}
		}
		if len(got)+reported != len(scores) || reported == 0 {
			t.Errorf("%v there, left out %v", got, left)
		}
		for _, z := range got {
			// Redis keeps a small zset's -0 as the integer 0.
			if z.Member == "-0" && !math.Signbit(z.Score) && strings.HasSuffix(t.Name(), "kvrocks") {
				t.Errorf("-0 is %v", z.Score)
			}
		}
		if n, err := c.Exists(t.Context(), "zz").Result(); n != 0 || err != nil {
			t.Errorf("a key without members: %d, %v", n, err)
		}
	})
}

// TestRealReplace: keys of any other type make way.
func TestRealReplace(t *testing.T) {
	each(t, func(t *testing.T, addr string, c *redis.Client) {
		list := oneOfEach()
		for i := range list {
			key := string(list[i].Key)
			var err error
			if list[i].Kind == format.List {
				err = c.RPush(t.Context(), key, "old").Err()
			} else if i%2 == 0 {
				err = c.HSet(t.Context(), key, "old", "old").Err()
			} else {
				err = c.SAdd(t.Context(), key, "old").Err()
			}
			if err == nil {
				err = c.ExpireAt(t.Context(), key, c.Time(t.Context()).Val().Add(1e12)).Err()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		_, left := mustLoad(t, Options{Target: target.Options{Addr: addr}, OnExists: Replace}, list...)
		if len(left) != 0 {
			t.Errorf("left out %v", left)
		}
		for i := range list {
			compare(t, c, &list[i])
		}
	})
}

func TestRealSkip(t *testing.T) {
	each(t, func(t *testing.T, addr string, c *redis.Client) {
		if err := c.Set(t.Context(), "l", "mine", 0).Err(); err != nil {
			t.Fatal(err)
		}
		list := cut(whole(format.List, "l", "a", "b", "c", "d"), 3)
		s, left := mustLoad(t, Options{Target: target.Options{Addr: addr}, OnExists: Skip}, append(list, str("m", "new", 0))...)
		if len(left) != 1 || left[0].Reason != ReasonExists || s.Keys != 1 {
			t.Errorf("%+v, left out %v", s, left)
		}
		if got := c.MGet(t.Context(), "l", "m").Val(); !slices.Equal(got, []any{"mine", "new"}) {
			t.Errorf("%v", got)
		}
	})
}

// TestRealFailOnWrongType: a key of another type is reported, not overwritten.
func TestRealFailOnWrongType(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		if err := c.Set(t.Context(), "l", "mine", 0).Err(); err != nil {
			t.Fatal(err)
		}
		s, left := mustLoad(t, Options{Target: target.Options{Addr: addr}}, append(cut(whole(format.List, "l", "a", "b"), 2), str("m", "new", 0))...)
		if len(left) != 1 || left[0].Reason != ReasonRefused || !strings.Contains(left[0].Reply, "WRONGTYPE") || s.Keys != 1 {
			t.Errorf("%+v, left out %v", s, left)
		}
	})
}

// TestRealNotFresh: something else wrote to the key.
func TestRealNotFresh(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		for _, r := range []format.Record{
			whole(format.List, "list", "a"), whole(format.Set, "set", "a"), whole(format.Hash, "hash", "a", "b"), zset("zset", []float64{1}, "a"),
		} {
			mustLoad(t, Options{Target: target.Options{Addr: addr}}, r)
			_, _, err := load(t, Options{Target: target.Options{Addr: addr}}, r)
			var ce *CommandError
			if !errors.As(err, &ce) || !bytes.Equal(ce.Key, r.Key) {
				t.Errorf("%s: error %v", r.Key, err)
			}
		}
	})
}

// TestRedisDatabases: SELECT is checked, and real on a Redis.
func TestRedisDatabases(t *testing.T) {
	addr := redisserver.Start(t).Addr
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: addr, Keyspaces: map[int]target.Keyspace{0: {}, 3: {DB: 2}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Info; got.Server != "redis" || !strings.HasPrefix(got.Version, "7.") {
		t.Errorf("target %+v", got)
	}
	w, err := l.NewWorker(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Load(t.Context(), Job{Source: source(str("k", "v", 0))}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: addr, DB: 2})
	t.Cleanup(func() { _ = c.Close() })
	if got := c.Get(t.Context(), "k").Val(); got != "v" {
		t.Errorf("got %q", got)
	}
	if _, err := Open(t.Context(), Options{Target: target.Options{Addr: addr, Keyspaces: map[int]target.Keyspace{0: {DB: 99}}}}); !errors.Is(err, ErrPreflight) {
		t.Errorf("database 99: %v", err)
	}
}

func TestRedisPassword(t *testing.T) {
	addr := redisserver.Start(t, "--requirepass", "right", "--user", "someone", "on", ">theirs", "~*", "&*", "+@all").Addr
	for _, tc := range []struct {
		user, password string
		ok             bool
	}{{"", "right", true}, {"someone", "theirs", true}, {"", "wrong", false}, {"someone", "wrong", false}, {"", "", false}} {
		_, err := Open(t.Context(), Options{Target: target.Options{Addr: addr, Username: tc.user, Password: tc.password}})
		if tc.ok && err != nil || !tc.ok && !errors.Is(err, ErrAuth) {
			t.Errorf("%q %q: %v", tc.user, tc.password, err)
		}
	}
	if _, err := Open(t.Context(), Options{Target: target.Options{Addr: redisserver.Start(t).Addr, Password: "x"}}); !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "leave") {
		t.Errorf("needless password: %v", err)
	}
}

// TestRedisReplica: a replica is refused.
func TestRedisReplica(t *testing.T) {
	addr := redisserver.Start(t, "--replicaof", "127.0.0.1 1").Addr
	if _, err := Open(t.Context(), Options{Target: target.Options{Addr: addr}}); !errors.Is(err, ErrPreflight) {
		t.Errorf("error %v", err)
	}
}

// TestRedisRunsFull: the load stops and says what to do.
func TestRedisRunsFull(t *testing.T) {
	addr := redisserver.Start(t, "--maxmemory", "1").Addr
	_, _, err := load(t, Options{Target: target.Options{Addr: addr}}, whole(format.List, "l", "a"))
	if err == nil || !strings.Contains(err.Error(), "maxmemory") {
		t.Errorf("error %v", err)
	}
}

// TestKvrocksNamespaces needs KVROCKS_AUTH_ADDR of a server with the password in
// KVROCKS_PASSWORD and the namespace tokens in KVROCKS_TOKENS, with a comma between.
func TestKvrocksNamespaces(t *testing.T) {
	addr, tokens := os.Getenv("KVROCKS_AUTH_ADDR"), strings.Split(os.Getenv("KVROCKS_TOKENS"), ",")
	if addr == "" || len(tokens) != 2 {
		t.Skip("NO KVROCKS WITH NAMESPACES: set KVROCKS_AUTH_ADDR, KVROCKS_PASSWORD and two KVROCKS_TOKENS")
	}
	o := Options{Target: target.Options{Addr: addr, Password: os.Getenv("KVROCKS_PASSWORD"), Keyspaces: map[int]target.Keyspace{0: {}, 1: {Token: tokens[0]}, 2: {Token: tokens[1]}}}, OnExists: Replace}
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for db := range o.Target.Keyspaces {
		w, err := l.NewWorker(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Load(t.Context(), Job{Source: source(str("k"+strconv.Itoa(db), "v", 0))}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for db := range o.Target.Keyspaces {
		if n, more, err := l.Count(t.Context(), 10, db); n != 1 || more || err != nil {
			t.Errorf("database %d: %d keys, %v, %v", db, n, more, err)
		}
	}
}
