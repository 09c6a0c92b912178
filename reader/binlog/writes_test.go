package binlog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// eachPika runs a test with a Pika of each version, and with the real ones at PIKA_ADDR.
func eachPika(t *testing.T, test func(t *testing.T, addr string)) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run("pikasim "+string(v), func(t *testing.T) {
			s, err := pikasim.Start(pikasim.Options{Version: v, Databases: 2, Replication: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			test(t, s.Addr())
		})
	}
	t.Run("pika", func(t *testing.T) {
		addrs := os.Getenv("PIKA_ADDR")
		if addrs == "" {
			t.Skip("NO REAL PIKA: set PIKA_ADDR=host:port[,host:port…] to follow real ones; they lose their data")
		}
		for _, addr := range strings.Split(addrs, ",") {
			t.Run(addr, func(t *testing.T) {
				host, _, err := net.SplitHostPort(addr)
				if ip := net.ParseIP(host); err != nil || host != "localhost" && !ip.IsLoopback() {
					t.Fatalf("PIKA_ADDR is %s, which is not on this host: it would lose its data", addr)
				}
				test(t, addr)
			})
		}
	})
}

func client(t *testing.T, addr string, db int) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, DB: db, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ends returns how far the binlog of db0 and db1 is written.
func ends(t *testing.T, c *redis.Client) (p []format.BinlogPosition) {
	t.Helper()
	info, err := c.Info(t.Context(), "replication").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		at := format.BinlogPosition{}
		if _, err := fmt.Sscanf(strings.Replace(line, " binlog", ":binlog", 1), "db%d:binlog_offset=%d %d", &at.DB, &at.File, &at.Offset); err == nil && at.DB < 2 {
			p = append(p, at)
		}
	}
	if len(p) != 2 {
		t.Fatalf("two databases are needed: %s", info)
	}
	return p
}

// follow opens a session from these positions.
func follow(t *testing.T, addr string, from []format.BinlogPosition) *binlog.Session {
	t.Helper()
	replication, err := binlog.ReplicationAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := binlog.Dial(t.Context(), binlog.Options{Addr: replication, From: from})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Goodbye(context.Background()) })
	return s
}

// writes has what each command writes: the command, and the names. A version may lack it.
var writes = [][2]string{
	{"set a 1", "a"}, {"set a 2 ex 100", "a"}, {"setex a1 100 x", "a1"}, {"psetex a2 100000 y", "a2"}, {"setnx a3 1", "a3"},
	{"setxx a 1", "a"}, {"getset a4 3", "a4"}, {"append a5 x", "a5"}, {"incr a6", "a6"}, {"incrby a7 5", "a7"}, {"decr a8", "a8"},
	{"decrby a9 2", "a9"}, {"incrbyfloat b1 1.5", "b1"}, {"setbit b2 7 1", "b2"}, {"setrange b3 3 abc", "b3"},
	{"mset m1 1 m2 2", "m1 m2"}, {"msetnx m3 1 m4 2", "m3 m4"}, {"expire m1 100", "m1"}, {"pexpire m2 100000", "m2"},
	{"expireat m3 4000000000", "m3"}, {"pexpireat m4 4000000000000", "m4"}, {"set m5 1 ex 100", "m5"}, {"persist m5", "m5"},
	{"set d1 1", "d1"}, {"set d2 1", "d2"}, {"set d3 1", "d3"}, {"del d1 d2", "d1 d2"}, {"unlink d3", "d3"},
	{"bitop or b4 a b2", "b4"}, {"pfadd p1 a b c", "p1"}, {"pfmerge p2 p1", "p2"}, {"delvx b3 abc", ""},
	{"hset h1 f v", "h1"}, {"hmset h2 f1 v1 f2 v2", "h2"}, {"hsetnx h3 f v", "h3"}, {"hincrby h4 n 3", "h4"},
	{"hincrbyfloat h5 f 1.5", "h5"}, {"hdel h2 f1", "h2"},
	{"lpush l1 1 2", "l1"}, {"rpush l2 3 4 5 6", "l2"}, {"lpushx l1 0", "l1"}, {"rpushx l2 5", "l2"}, {"linsert l2 before 4 x", "l2"},
	{"lset l2 0 zero", "l2"}, {"lrem l2 1 5", "l2"}, {"ltrim l2 0 3", "l2"}, {"lpop l2", "l2"}, {"rpop l2", "l2"},
	{"rpush l3 1", "l3"}, {"rpoplpush l3 l4", "l3 l4"}, {"rpush l5 1 2", "l5"}, {"blpop l5 1", "l5"}, {"brpop l5 1", "l5"},
	{"sadd s1 1 2 3", "s1"}, {"srem s1 1", "s1"}, {"sadd s2 1", "s2"}, {"spop s2", "s2"}, {"smove s1 s3 2", "s1 s3"},
	{"sadd s4 1 2", "s4"}, {"sadd s5 2 3", "s5"}, {"sunionstore s6 s4 s5", "s6"}, {"sinterstore s7 s4 s5", "s7"},
	{"sdiffstore s8 s4 s5", "s8"}, {"sunion s4 s5", ""}, {"sinter s4 s5", ""}, {"sdiff s4 s5", ""},
	{"zadd z1 1 a 2 b 3 c 4 d 5 e 6 f", "z1"}, {"zincrby z2 5 a", "z2"}, {"zrem z1 a", "z1"}, {"zremrangebyrank z1 0 0", "z1"},
	{"zremrangebyscore z1 3 3", "z1"}, {"zadd z3 0 a 0 b", "z3"}, {"zremrangebylex z3 [a [a", "z3"}, {"zpopmin z1", "z1"},
	{"zpopmax z1", "z1"}, {"zadd z4 1 a", "z4"}, {"zadd z5 2 a 3 b", "z5"}, {"zunionstore z6 2 z4 z5", "z6"},
	{"zinterstore z7 2 z4 z5", "z7"}, {"geoadd g1 13.361389 38.115556 P", "g1"},
	{"xadd x1 1-1 f v", "x1"}, {"xdel x1 1-1", "x1"}, {"xtrim x1 maxlen 0", "x1"}, {"pksetexat k1 1999999999 v", "k1"},
}

// TestEveryWrite: every name that a Pika writes is named by its binlog, in each database.
func TestEveryWrite(t *testing.T) {
	eachPika(t, func(t *testing.T, addr string) {
		cs := []*redis.Client{client(t, addr, 0), client(t, addr, 1)}
		if err := cs[0].FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		from := ends(t, cs[0])
		want := []map[string]bool{{}, {}}
		lacks := 0
		for db, c := range cs {
			for _, w := range writes {
				err := c.Do(t.Context(), anys(strings.Fields(w[0]))...).Err()
				if err != nil && !errors.Is(err, redis.Nil) {
					if strings.Contains(err.Error(), "unknown") {
						lacks++
						continue
					}
					t.Errorf("%s: %v", w[0], err)
				}
				for _, name := range strings.Fields(w[1]) {
					want[db][name] = true
				}
			}
			tx := c.TxPipeline()
			tx.Set(t.Context(), "tx1", "1", 0)
			tx.SAdd(t.Context(), "tx2", "1")
			if _, err := tx.Exec(t.Context()); err != nil {
				lacks++ // 3.4, which runs what comes behind a MULTI that it does not know
			}
			want[db]["tx1"], want[db]["tx2"] = true, true
			name := strings.Repeat("\x01\xff\r\n ", 1000)
			if err := c.Set(t.Context(), name, strings.Repeat("v", 1<<20), 0).Err(); err != nil {
				t.Fatal(err)
			}
			want[db][name] = true
		}
		t.Logf("%d commands are unknown to it", lacks/2)
		to := ends(t, cs[0])
		s := follow(t, addr, from)
		got := []map[string]bool{{}, {}}
		for p := from; !slices.Equal(p, to); p = s.Positions() {
			item, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range item.Names {
				got[item.Position.DB][string(name)] = true
			}
		}
		for db := range cs {
			for name := range want[db] {
				if !got[db][name] {
					t.Errorf("db%d: %.20q was written, and is not named", db, name)
				}
			}
			for name := range got[db] {
				if !want[db][name] {
					t.Errorf("db%d: %.20q was not written, but is named", db, name)
				}
			}
		}
	})
}

func anys(args []string) (a []any) {
	for _, arg := range args {
		a = append(a, arg)
	}
	return a
}

// TestKeysThatAreNotNamed: what deletes keys without their names ends a session at once, with where
// it stands.
func TestKeysThatAreNotNamed(t *testing.T) {
	eachPika(t, func(t *testing.T, addr string) {
		c := client(t, addr, 0)
		next := func(from []format.BinlogPosition) (*binlog.Session, error) {
			s := follow(t, addr, from)
			for {
				if _, err := s.Next(t.Context()); err != nil {
					return s, err
				}
			}
		}
		if err := c.MSet(t.Context(), "u:1", "1", "u:2", "2", "v", "3").Err(); err != nil {
			t.Fatal(err)
		}
		from := ends(t, c)
		if err := c.Do(t.Context(), "PKPATTERNMATCHDEL", "u:*", "string").Err(); err == nil { // 4.0.1 has no type there
			s, err := next(from)
			if e, ok := errors.AsType[*binlog.CommandError](err); !ok || e.At != from[0] || e.Command != "pkpatternmatchdel u:* string" {
				t.Error(err)
			}
			if p := s.Positions(); !slices.Equal(p, from) {
				t.Errorf("positions %v, want %v", p, from)
			}
		}
		from = ends(t, c)
		for _, command := range []string{"FLUSHDB", "FLUSHALL"} {
			if err := c.Do(t.Context(), command).Err(); err != nil {
				t.Fatal(err)
			}
			_, err := next(from)
			if e, ok := errors.AsType[*binlog.CommandError](err); !ok || e.At != from[e.At.DB] || e.Command != "flushdb" {
				t.Error(err)
			}
			from = ends(t, c)
		}
	})
}

// TestPositionsOfAPika: positions that cannot be followed.
func TestPositionsOfAPika(t *testing.T) {
	eachPika(t, func(t *testing.T, addr string) {
		c := client(t, addr, 0)
		if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Fatal(err)
		}
		replication, err := binlog.ReplicationAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		end := ends(t, c)[0]
		for reason, p := range map[binlog.Reason]format.BinlogPosition{
			binlog.NotAnItem: {File: end.File, Offset: end.Offset - 1},
			binlog.Ahead:     {File: end.File, Offset: end.Offset + 1},
		} {
			_, err := binlog.Dial(t.Context(), binlog.Options{Addr: replication, From: []format.BinlogPosition{p}})
			if e, ok := errors.AsType[*binlog.PositionError](err); !ok || e.Reason != reason || e.Asked != p || e.Master != end {
				t.Errorf("%v: %v", p, err)
			}
		}
		_, err = binlog.Dial(t.Context(), binlog.Options{Addr: replication, From: []format.BinlogPosition{{DB: 77}}})
		if e, ok := errors.AsType[*binlog.UnknownDatabaseError](err); !ok || e.DB != 77 {
			t.Error(err)
		}
	})
}

// TestCutConnections: while a Pika is written to and connections are cut, each item comes once, in
// its order.
func TestCutConnections(t *testing.T) {
	const keys = 3000
	eachPika(t, func(t *testing.T, addr string) {
		c := client(t, addr, 1)
		from := ends(t, c)
		replication, err := binlog.ReplicationAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := faultproxy.Start(replication, func(n int) faultproxy.Plan { return faultproxy.Plan{ResetAfter: int64(20 + 20*n)} })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(proxy.Close)
		written := make(chan error, 1)
		go func() {
			for i := range keys {
				if err := c.Set(t.Context(), fmt.Sprint("key", i), "v", 0).Err(); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		o, next := binlog.Options{Addr: proxy.Addr(), From: from}, 0
		for next < keys {
			s, err := binlog.Dial(t.Context(), o)
			for err == nil && next < keys {
				var item *binlog.Item
				if item, err = s.Next(t.Context()); err == nil {
					if want := fmt.Sprint("key", next); string(item.Names[0]) != want || item.Position.DB != 1 {
						t.Fatalf("%s of db%d, want %s", item.Names[0], item.Position.DB, want)
					}
					next++
				}
			}
			if err != nil && !errors.Is(err, binlog.ErrUnavailable) {
				t.Fatal(err)
			}
			if s != nil {
				o.From = s.Positions()
				s.Close()
			}
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		if proxy.Disturbed() < 5 {
			t.Errorf("%d connections were cut", proxy.Disturbed())
		}
	})
}
