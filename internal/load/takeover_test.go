package load

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestTakenOver: a replica takes the place of a Kvrocks under a load. One that lacks writes is
// noticed by their number, also if it has all keys, and by the keys before the checkpoint, also if
// others have written to it since.
func TestTakenOver(t *testing.T) {
	var texts []format.Record
	for i := range 1200 {
		r := smalldump.String(fmt.Sprintf("k%04d", i), "value")
		if i%2 == 1 {
			r.Expire = time.Now().Add(time.Hour).UnixMilli()
		}
		texts = append(texts, r)
	}
	for _, tc := range []struct {
		name string
		with func(k *minitarget.Kvrocks, o *Options)
		lag  int
		gone string
		code int
		says string
	}{
		{"it has all", nil, 0, "", 0, ""},
		{"it lacks a write", nil, 1, "", 4, "a replica took its place that lagged: it has lost what it had acknowledged"},
		{"it lacks a key", nil, 0, "k1116", 4, "lacks 1 of 64 sampled keys that were loaded"},
		{"a key that it lacks was left out", func(_ *minitarget.Kvrocks, o *Options) { o.Rewrite.Prefix.Strip = []byte("k111") }, 0, "", 3, ""},
		{"keys were there before", func(k *minitarget.Kvrocks, o *Options) {
			_ = k.Set("k1117", "of somebody else")
			o.Target.OnExists = writer.Skip
		}, 0, "", 3, ""},
		{"too little time to live", func(_ *minitarget.Kvrocks, o *Options) { o.Rewrite.TTL.Min = 2 * time.Hour }, 0, "", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var k *minitarget.Kvrocks
			var cut atomic.Bool
			k = minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, args ...string) bool {
				if cut.Load() || !strings.HasSuffix(cmd, "SET") || args[0] != "k1118" && args[0] != "8" {
					return false
				}
				cut.Store(true)
				k.Lag(tc.lag)
				k.Del(tc.gone)
				c.Close()
				return true
			}})
			o := options(t, k.Addr(), three)
			o.Dump = smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, texts)
			o.Target.BatchCommands, o.RetryFor = 1, time.Minute
			if tc.with != nil {
				tc.with(k, &o)
			}
			log, err := run(t, o)
			wants(t, log, err, tc.code, tc.says)
			if o.Resume = true; tc.code == 4 {
				log, err = run(t, o)
				wants(t, log, err, 4, tc.says)
			}
			if !cut.Load() {
				t.Error("no connection was lost")
			}
		})
	}
}

// TestStoppedTakenOver: so is one that takes its place while a load is stopped.
func TestStoppedTakenOver(t *testing.T) {
	for lag, code := range map[int]int{0: 0, 1: 4} {
		var full atomic.Bool
		full.Store(true)
		k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, args ...string) bool {
			if !full.Load() || cmd != "HSET" || strings.HasPrefix(args[0], target.ProbePrefix) {
				return false
			}
			c.WriteError("ERR IO error: No space left on device")
			return true
		}})
		o := options(t, k.Addr(), three)
		log, err := run(t, o)
		wants(t, log, err, 75)
		full.Store(false)
		o.Resume = true
		k.Lag(lag)
		log, err = run(t, o)
		wants(t, log, err, code)
	}
}

// TestLostBetween: a target that has lost writes since the load that a delta follows, of which all
// names are there, is noticed by the load of the delta, unless somebody says that it holds its
// base. All behind it end so, until that is said.
func TestLostBetween(t *testing.T) {
	for _, says := range []bool{false, true} {
		k := minitarget.StartKvrocks(t, minitarget.Options{})
		c := newChain(t, three...)
		c.base.Target.Target.Addr = k.Addr()
		c.load(c.base, 0)
		c.load(c.delta(smalldump.String("a", "2")), 0)
		k.Lag(1)
		d := c.delta(smalldump.String("b", "2"))
		if d.BaseLoaded = says; says {
			c.load(d, 0)
			continue
		}
		whole := "kvload verify --uri redis://" + k.Addr() + " --in " + c.dir + " --base " + c.base.Dump
		c.load(d, 4, "was restored, or a replica took its place that lagged: it has lost what it had acknowledged", whole)
		c.load(c.delta(smalldump.String("b", "3")), 4, whole)
		d = c.delta(smalldump.String("b", "4"))
		d.BaseLoaded = true
		c.load(d, 0)
	}
}

// TestRestartedBetween: a Redis that was killed had not kept the delta before, but all its names.
func TestRestartedBetween(t *testing.T) {
	dir := t.TempDir()
	s := redisserver.Start(t, "--dir", dir)
	c := newChain(t, three...)
	c.base.Target.Target.Addr = s.Addr
	c.load(c.base, 0)
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	if err := client.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	c.load(c.delta(smalldump.String("a", "2")), 0)
	s.Kill()
	redisserver.StartAt(t, s.Addr, "--dir", dir)
	c.load(c.delta(smalldump.String("b", "2")), 4, "was restarted, and may have lost what it had acknowledged", "--in "+c.dir+" --base "+c.base.Dump)
	if v, err := client.Get(t.Context(), "a").Result(); v != "1" {
		t.Errorf("a is %q, %v: the test proves nothing", v, err)
	}
}

// a clustered is a master of all slots and its replica, in a test.
type clustered struct {
	*testing.T
	servers [2]*redisserver.Server
	clients [2]*redis.Client
}

func newClustered(t *testing.T) *clustered {
	c := &clustered{T: t}
	var bus [2]string
	for i := range c.servers {
		addr := freeport.Addr()
		_, bus[i], _ = net.SplitHostPort(addr)
		c.servers[i] = redisserver.Start(t, "--cluster-enabled", "yes", "--cluster-port", bus[i], "--cluster-node-timeout", "60000", "--repl-diskless-sync-delay", "0")
		c.clients[i] = redis.NewClient(&redis.Options{Addr: c.servers[i].Addr, Protocol: 2, DisableIdentity: true})
		t.Cleanup(func() { c.clients[i].Close() })
	}
	host, port, _ := net.SplitHostPort(c.servers[0].Addr)
	c.until(0, "OK", "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	c.until(1, "OK", "CLUSTER", "MEET", host, port, bus[0])
	id, err := c.clients[0].Do(t.Context(), "CLUSTER", "MYID").Text()
	if err != nil {
		t.Fatal(err)
	}
	c.until(1, "OK", "CLUSTER", "REPLICATE", id)
	c.until(1, "master_link_status:up", "INFO", "replication")
	c.until(0, "OK", "FLUSHALL") // a replica without any write is not listed
	for nodes := 0; nodes < 2; time.Sleep(50 * time.Millisecond) {
		slots, err := c.clients[0].Do(t.Context(), "CLUSTER", "SLOTS").Slice()
		if err != nil {
			t.Fatal(err)
		}
		if len(slots) > 0 {
			nodes = len(slots[0].([]any)) - 2 // behind the first and the last slot
		}
	}
	c.until(0, "cluster_state:ok", "CLUSTER", "INFO")
	c.until(1, "cluster_state:ok", "CLUSTER", "INFO")
	return c
}

// until sends a command to a node until it answers so.
func (c *clustered) until(node int, want string, args ...any) {
	c.Helper()
	said := ""
	for range 600 {
		text, err := c.clients[node].Do(c.Context(), args...).Text()
		if strings.Contains(text, want) {
			return
		}
		said = fmt.Sprint(text, err)
		time.Sleep(50 * time.Millisecond)
	}
	c.Fatalf("%v: %s", args, said)
}

// TestFailoverBetween: a replica in a cluster that takes over between the loads of two deltas, and
// has not all that its master had acknowledged, is noticed, and one that has is not minded.
func TestFailoverBetween(t *testing.T) {
	for name, takeOver := range map[string]func(s *clustered, load func()){
		"planned": func(s *clustered, load func()) {
			load()
			s.until(1, "OK", "CLUSTER", "FAILOVER")
		},
		"killed": func(s *clustered, load func()) {
			load()
			if n, err := s.clients[0].Wait(s.Context(), 1, time.Minute).Result(); n != 1 || err != nil {
				s.Fatal(n, err)
			}
			s.servers[0].Kill()
			s.until(1, "OK", "CLUSTER", "FAILOVER", "TAKEOVER")
		},
		"lagged": func(s *clustered, load func()) {
			if err := s.servers[1].Signal(syscall.SIGSTOP); err != nil {
				s.Fatal(err)
			}
			s.clients[0].Do(s.Context(), "CLIENT", "KILL", "TYPE", "replica")
			load()
			s.servers[0].Kill()
			if err := s.servers[1].Signal(syscall.SIGCONT); err != nil {
				s.Fatal(err)
			}
			s.until(1, "OK", "CLUSTER", "FAILOVER", "TAKEOVER")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newClustered(t)
			c := newChain(t, three...)
			c.base.Target.Target.Addr = s.servers[0].Addr
			c.load(c.base, 0)
			if name == "lagged" { // the replica has the base
				s.clients[0].Wait(t.Context(), 1, time.Minute)
			}
			if takeOver(s, func() { c.load(c.delta(smalldump.String("a", "2")), 0) }); t.Failed() {
				return
			}
			s.until(1, "role:master", "INFO", "replication")
			s.until(1, "cluster_state:ok", "CLUSTER", "INFO")
			c.base.Target.Target.Addr = s.servers[1].Addr
			code, says, value := 0, "", "2"
			if name == "lagged" {
				code, says, value = 4, "node "+s.servers[1].Addr+" of the target lagged when it took the place of "+s.servers[0].Addr, "1"
			}
			c.load(c.delta(smalldump.String("b", "2")), code, says)
			c.load(c.delta(smalldump.String("b", "3")), code, says)
			if v, err := s.clients[1].Get(t.Context(), "a").Result(); v != value {
				t.Errorf("a is %q, %v: the test proves nothing", v, err)
			}
		})
	}
}
