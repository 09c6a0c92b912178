package load

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
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
