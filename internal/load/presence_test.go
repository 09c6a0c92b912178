package load

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

func runFinish(t *testing.T, o Options) (string, error) {
	t.Helper()
	var log bytes.Buffer
	o.Summary = summary.New("test", "", "finish")
	err := Finish(t.Context(), FinishOptions{Spec: o.Spec}, &log, &log)
	o.Summary.End(err, ExitCode(err))
	return log.String() + o.Summary.String(), err
}

// TestEmptied: a load, or a shard of one, is not called done, and not resumed, if the target holds
// nothing of what it has written; that keys of it are gone is no reason.
func TestEmptied(t *testing.T) {
	four := []format.Record{smalldump.String("a", "1"), smalldump.String("b", "2"), smalldump.Hash("g", "f", "v"), smalldump.Hash("h", "f", strings.Repeat("v", 9000))}
	expiring := func(in time.Duration) []format.Record {
		r := smalldump.String("a", "1")
		r.Expire = time.Now().Add(in).UnixMilli()
		return []format.Record{r}
	}
	empty := func(m *miniredis.Miniredis) { m.FlushAll() }
	others := func(m *miniredis.Miniredis) { m.FlushAll(); m.Set("of", "others") }
	full := func(m *miniredis.Miniredis) {
		answer(m, "HSET", func(c *server.Peer, _ []string) bool {
			c.WriteError("ERR IO error: No space left on device")
			return true
		})
	}
	shardOf := func(i int) func(*Options) { return func(o *Options) { o.Shard = shard.Shard{Index: i, Of: 1000} } }
	for _, tc := range []struct {
		name    string
		records []format.Record
		with    func(*Options)
		before  func(*miniredis.Miniredis)
		since   func(*miniredis.Miniredis)
		finish  bool
		code    int
		says    string
	}{
		{"emptied", four, nil, nil, empty, false, 5, "holds none of 4 sampled keys of database 0, but by the journal 4 keys were loaded: was it emptied? Remove "},
		{"emptied, and others write", four, nil, nil, others, false, 5, "holds none of 4 sampled keys of database 0"},
		{"all but one key is gone", four, nil, nil, func(m *miniredis.Miniredis) { m.FlushAll(); m.HSet("h", "f", "v") }, false, 4, "3 of 4 sampled keys"},
		{"not finished", three, nil, full, others, false, 5, "holds none of 2 sampled keys"},
		{"not finished, one key is gone", three, nil, full, func(m *miniredis.Miniredis) { m.Del("a") }, false, 4, "1 of 3 sampled keys"},
		{"followed", four, func(o *Options) { o.Follow = true }, nil, others, false, 5, "sampled keys"},
		{"a shard", four, shardOf(0), nil, others, false, 5, "none of 1 sampled key"},
		{"a shard with nothing to do", four, shardOf(999), nil, empty, false, 0, "nothing is sent"},
		{"all expires later", expiring(time.Hour), nil, nil, others, false, 5, "none of 1 sampled key"},
		{"all may have expired", expiring(1900 * time.Millisecond), nil, nil, empty, false, 0, "nothing is sent"},
		{"renamed", four, func(o *Options) { o.Rewrite.Prefix = rewrite.Prefix{Add: []byte("new:")} }, nil,
			func(m *miniredis.Miniredis) { m.FlushAll(); m.Set("new:b", "") }, false, 4, "3 of 4 sampled keys"},
		{"finish", four, nil, nil, others, true, 5, "sampled keys"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := startTarget(t)
			o := options(t, m.Addr(), tc.records)
			if tc.with != nil {
				tc.with(&o)
			}
			if tc.before != nil {
				tc.before(m)
			}
			log, err := run(t, o)
			wants(t, log, err, map[bool]int{true: 0, false: 75}[tc.before == nil])
			answer(m, "", nil)
			tc.since(m)
			if o.Resume = true; tc.finish {
				log, err = runFinish(t, o)
			} else {
				log, err = run(t, o)
			}
			wants(t, log, err, tc.code, tc.says)
		})
	}
}

// TestVanished: a load whose target is emptied in its middle, over whatever connections, is not
// called done.
func TestVanished(t *testing.T) {
	const says = "sampled keys that were loaded: it may have been emptied"
	var texts []format.Record
	for i := range 60 {
		texts = append(texts, smalldump.String(fmt.Sprintf("k%04d", i), "value"))
	}
	for _, tc := range []struct {
		name   string
		at     int  // SETs before
		closes bool // the connection is lost
		some   bool // only one key is deleted
		code   int
		says   string
	}{
		{"nothing", 0, false, false, 0, ""},
		{"flushed", 45, false, false, 4, says},
		{"flushed early", 2, false, false, 4, says},
		{"one key is deleted", 45, false, true, 4, "1 of "},
		{"flushed behind a lost connection", 45, true, false, 5, "was it emptied?"},
		{"flushed early behind a lost connection", 30, true, false, 5, "was it emptied?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, sets, first := startTarget(t), 0, ""
			answer(m, "SET", func(c *server.Peer, args []string) bool {
				first = cmp.Or(first, args[0])
				if sets++; sets != tc.at {
					return false
				}
				if tc.some {
					m.Del(first)
				} else {
					m.FlushAll()
				}
				if tc.closes {
					c.Close()
				}
				return tc.closes
			})
			o := options(t, m.Addr(), texts)
			o.Target.BatchCommands, o.RetryFor = 1, time.Minute
			log, err := run(t, o)
			wants(t, log, err, tc.code, tc.says)
			if tc.code == 5 {
				m.FlushAll()
			}
			o.Resume = true
			log, err = run(t, o)
			wants(t, log, err, tc.code, tc.says)
			if tc.code != 5 {
				log, err = runFinish(t, o)
				wants(t, log, err, tc.code, tc.says)
			}
		})
	}
}
