package writer

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// past is an expiry that was over long before any load.
const past = 1_000_000_000_000

// someExpired are strings and hashes of which every other one is over.
func someExpired(n int) (list []format.Record) {
	for i := range n {
		r := str(fmt.Sprintf("k%03d", i), "new", 0)
		if i%4 > 1 {
			r = whole(format.Hash, fmt.Sprintf("k%03d", i), "f", "new")
		}
		if i%2 == 1 {
			r.Expire = past
		}
		list = append(list, r)
	}
	return list
}

// own is what another client has written under the names of those that are over.
func own(t *testing.T, c *redis.Client, list []format.Record, check bool) {
	t.Helper()
	for _, r := range list {
		if r.Expire != past {
			continue
		}
		if !check {
			if err := c.Set(t.Context(), string(r.Key), "of others", 0).Err(); err != nil {
				t.Fatal(err)
			}
		} else if v, err := c.Get(t.Context(), string(r.Key)).Result(); v != "of others" {
			t.Errorf("%s: %q, %v", r.Key, v, err)
		}
	}
}

// TestExpiredOfOthers: a load that goes on deletes no key of others whose name it has never
// written: with Skip none that it has not asked about, for that of the dump was over, with Fail
// none that was over when the load began, or that it did not come to.
func TestExpiredOfOthers(t *testing.T) {
	for _, onExists := range []OnExists{Skip, Fail} {
		t.Run(onExists.String(), func(t *testing.T) {
			each(t, func(t *testing.T, addr string, c *redis.Client) {
				l, err := Open(t.Context(), Options{Target: target.Options{Addr: addr}, OnExists: onExists, BatchKeys: 3})
				if err != nil {
					t.Fatal(err)
				}
				list := someExpired(40)
				h := &history{existed: map[int64]bool{}}
				if onExists == Skip {
					own(t, c, list, false)
				}
				sent := int64(0)
				job := h.job(list, checkpoint.Checkpoint{}, 5)
				job.Sending = func(n int64) error { sent = n; return nil }
				if err := loadJob(t, l, job); !errors.Is(err, errStopped) {
					t.Fatal(err)
				}
				own(t, c, list, false)
				job = h.job(list, h.points[1], -1)
				job.Sent, job.Began = sent, past+1
				if err := loadJob(t, l, job); err != nil {
					t.Fatal(err)
				}
				own(t, c, list, true)
				if s := h.points[len(h.points)-1].Stats; s.Keys != 20 || s.Expired != 20 || s.Dropped != 0 || len(s.LeftOut) > 0 {
					t.Errorf("%+v", s)
				}
				// Of what was over only later, some may have been sent without its expiry, but not
				// behind Sent.
				if err := c.FlushDB(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				own(t, c, list, false)
				job = h.job(list, checkpoint.Checkpoint{}, -1)
				job.Sent, job.Began = 10, past-1
				if onExists == Skip {
					job.Asked, job.Existed = 10, func(int64) bool { return false }
				}
				if err := loadJob(t, l, job); err != nil {
					t.Fatal(err)
				}
				own(t, c, list[10:], true)
				if n, err := c.Exists(t.Context(), "k001", "k003", "k005", "k007", "k009").Result(); n != 0 || err != nil {
					t.Errorf("%d of what may have been sent are there, %v", n, err)
				}
			})
		})
	}
}

// TestExpiredReplace: with Replace the target keeps no old value of a key that has expired or has
// too little to live, whether the load is disturbed or not. What is not the load's to write it
// keeps.
func TestExpiredReplace(t *testing.T) {
	each(t, func(t *testing.T, addr string, c *redis.Client) {
		list := someExpired(40)
		l, err := Open(t.Context(), Options{Target: target.Options{Addr: addr}, OnExists: Replace, BatchCommands: 6, Expire: func(expire int64) (int64, bool) { return expire, expire == farFuture }, Rename: func(_ int, _ format.Kind, key []byte) ([]byte, string) {
			if string(key) == "k003" {
				return nil, ReasonConflict
			}
			return append([]byte("n:"), key...), ""
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 { // more in a row than a pipeline takes
			list = append(list, str(fmt.Sprintf("short%02d", i), "v", farFuture))
		}
		for stop := -1; stop < 3; stop++ {
			for _, r := range list {
				if err := c.MSet(t.Context(), "n:"+string(r.Key), "old", string(r.Key), "old").Err(); err != nil {
					t.Fatal(err)
				}
			}
			h := &history{existed: map[int64]bool{}}
			if err := loadJob(t, l, h.job(list, checkpoint.Checkpoint{}, stop)); err != nil && !errors.Is(err, errStopped) {
				t.Fatal(err)
			}
			if stop > 0 {
				job := h.job(list, h.points[0], -1)
				if err := loadJob(t, l, job); err != nil {
					t.Fatal(err)
				}
			}
			if s := h.points[len(h.points)-1].Stats; s.Keys != 20 || s.Expired != 20 || s.Short != 20 || stop < 0 && s.Dropped != 39 {
				t.Errorf("stopped at %d: %+v", stop, s)
			}
			for i, r := range list {
				n, err := c.Exists(t.Context(), "n:"+string(r.Key)).Result()
				if want := i == 3 || i < 40 && i%2 == 0; err != nil || n == 1 != want {
					t.Errorf("stopped at %d: n:%s is there %d times, %v", stop, r.Key, n, err)
				}
				if v, err := c.Get(t.Context(), string(r.Key)).Result(); v != "old" {
					t.Errorf("%s: %q, %v", r.Key, v, err)
				}
			}
		}
	})
}

// TestClockIsSet: a key counts as expired by what the target's clock shows now, not by what it
// showed when the load began.
func TestClockIsSet(t *testing.T) {
	var ahead atomic.Int64
	ahead.Store(int64(time.Hour))
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		now := time.Now().Add(time.Duration(ahead.Load()))
		return fmt.Sprintf("*2\r\n$%d\r\n%d\r\n$1\r\n0\r\n", len(fmt.Sprint(now.Unix())), now.Unix()), cmd[0] == "TIME"
	})
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{}
	for i, want := range []int64{0, 1} {
		if err := loadJob(t, l, h.job([]format.Record{str("k", "v", time.Now().Add(time.Minute).UnixMilli())}, checkpoint.Checkpoint{}, -1)); err != nil {
			t.Fatal(err)
		}
		if s := h.points[len(h.points)-1].Stats; s.Keys != want || s.Expired != 1-want {
			t.Errorf("%d: %+v", i, s)
		}
		ahead.Store(0)
		time.Sleep(1100 * time.Millisecond) // so long it is believed
	}
	if d := time.Until(l.Clock()); d < -2*time.Second || d > 2*time.Second {
		t.Errorf("the clock is %s ahead", d)
	}
}
