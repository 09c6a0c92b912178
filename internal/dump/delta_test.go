package dump

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// since sets what a delta is made of.
func since(base string) func(*Options) { return func(o *Options) { o.Base = base } }

// contents is what the keys of a dump are, by database, type and name.
type contents map[string]string

// read returns what a dump or a delta has, and checks that it is sound.
func read(t *testing.T, dir string) contents {
	t.Helper()
	a, err := archive.OpenAny(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil {
		t.Fatal(bad, err)
	}
	all := contents{}
	for u, r := range smalldump.Records(t, a) {
		key := fmt.Sprintf("db%d %s %q", u[0].DB, u[0].Type, r.Key)
		if r.Kind == format.Deleted {
			all[key] = "deleted"
			continue
		}
		all[key] += smalldump.Text(r)
	}
	return all
}

// apply puts a delta above what there is.
func (c contents) apply(delta contents) {
	for key, text := range delta {
		if text == "deleted" {
			delete(c, key)
		} else {
			c[key] = text
		}
	}
}

// equals checks that nothing is different, but keys whose time has come.
func (c contents) equals(t *testing.T, want contents, now time.Time) {
	t.Helper()
	for key := range c {
		if _, expire, _ := strings.Cut(strings.SplitN(c[key], ":", 2)[0], " "); want[key] == "" {
			if at, _ := strconv.ParseInt(expire, 10, 64); at == 0 || at > now.UnixMilli() {
				t.Errorf("%s is %.200s, and should not be there", key, c[key])
			}
		}
	}
	for key, text := range want {
		if is, at := c[key], 0; is != text {
			for at < min(len(is), len(text)) && is[at] == text[at] {
				at++
			}
			t.Errorf("%s is, from byte %d of its text on,\n%.200q, not\n%.200q", key, at, is[at:], text[at:])
		}
	}
}

// A source that is changed at random.
type changing struct {
	srv  *pikasim.Server
	t    *testing.T
	rng  *rand.Rand
	now  atomic.Int64 // ms, when it was started
	left atomic.Int64 // commands until stop is called
	stop atomic.Pointer[context.CancelFunc]
	many bool
	// touched are the names that were changed since they were forgotten.
	touched map[string]bool
	// busy is whether it is changed while it is read, and connections are cut; by who holds beside.
	busy    atomic.Bool
	started time.Time
	beside  sync.Mutex
	other   *rand.Rand
}

func startChanging(t *testing.T, v pikasim.Version, seed uint64) *changing {
	c := &changing{t: t, rng: rand.New(rand.NewPCG(seed, 1)), other: rand.New(rand.NewPCG(seed, 2)), many: v != pikasim.V401, touched: map[string]bool{}, started: time.Now()}
	c.now.Store(1_800_000_000_000)
	c.srv = smallpika.StartEmpty(t, pikasim.Options{Version: v, Databases: 2, Config: map[string]string{"cache-model": "0"},
		Clock: c.clock,
		Intercept: func(int, [][]byte) ([]byte, bool, bool) {
			if stop := c.stop.Load(); stop != nil && c.left.Add(-1) < 0 {
				(*stop)()
			}
			if c.busy.Load() && c.beside.TryLock() {
				defer c.beside.Unlock()
				if c.other.IntN(4) == 0 {
					c.changeBy(c.other, 1, map[string]bool{})
				}
				return nil, false, c.other.IntN(150) == 0
			}
			return nil, false, false
		}})
	return c
}

// clock is the time at the source, which goes on as any, and leaps with now.
func (c *changing) clock() time.Time { return time.UnixMilli(c.now.Load()).Add(time.Since(c.started)) }

// change does n things to each database of the source.
func (c *changing) change(n int) { c.changeBy(c.rng, n, c.touched) }

func (c *changing) changeBy(rng *rand.Rand, n int, touched map[string]bool) {
	client := redis.NewClient(&redis.Options{Addr: c.srv.Addr(), Protocol: 2, DisableIdentity: true})
	defer client.Close()
	for db := range 2 {
		conn := client.Conn()
		do := func(args ...any) { _ = conn.Do(c.t.Context(), args...).Err() }
		do("SELECT", db)
		for range n {
			i := rng.IntN(60)
			name := fmt.Sprintf("name%03d", i)
			kind := rng.IntN(6)
			if !c.many {
				kind = i % 6
			}
			touched[fmt.Sprintf("db%d %q", db, name)] = true
			size := 1 + rng.IntN(4)
			if rng.IntN(20) == 0 {
				size = 200
			}
			text := strconv.Itoa(rng.IntN(1000))
			act := rng.IntN(10)
			if act == 0 {
				do("DEL", name)
				continue
			}
			if act == 1 {
				do("EXPIRE", name, 1+rng.IntN(60)+10_000*rng.IntN(3))
				continue
			}
			if act == 2 {
				do("PERSIST", name)
				continue
			}
			for j := range size {
				m := strconv.Itoa(j) + text
				switch kind {
				case 0:
					do("SET", name, strings.Repeat(text, size))
				case 1:
					do("HSET", name, m, text)
				case 2:
					do("RPUSH", name, m)
				case 3:
					do("SADD", name, m)
				case 4:
					do("ZADD", name, j, m)
				case 5:
					do("XADD", name, fmt.Sprintf("%d-%d", c.now.Load(), rng.IntN(1<<40)), "f", m)
				}
				if kind == 0 {
					break
				}
			}
		}
	}
}

// run makes a dump by runs that are stopped after some commands.
func (c *changing) run(out string, least int, set ...func(*Options)) {
	c.t.Helper()
	for runs := 0; ; runs++ {
		ctx, cancel := context.WithCancel(c.t.Context())
		c.left.Store(int64(least + c.rng.IntN(200*(runs+1))))
		c.stop.Store(&cancel)
		var log strings.Builder
		o := Options{Location: out, Tool: "test", Log: &log, Threads: 1 + c.rng.IntN(3), SplitKeys: 20, Resume: runs > 0}
		o.Reader.Addr, o.Reader.PageKeys, o.Reader.RetryFor = c.srv.Addr(), 16, time.Minute
		o.Reader.PieceElements = 16 + c.rng.IntN(100) // which also depends on the time that replies take
		if o.Archive.SealAfter = time.Duration(c.rng.IntN(20)) * time.Millisecond; least < 1_000_000 {
			o.Archive.ChunkBytes = 4000
		}
		for _, f := range set {
			f(&o)
		}
		err := Run(ctx, o)
		c.stop.Store(nil)
		cancel()
		if err == nil || errors.As(err, new(*exitcode.LeftOutError)) {
			c.t.Logf("%s: %d runs", out, runs+1)
			return
		}
		if c.busy.Load() && errors.Is(err, reader.ErrUnavailable) { // its first connection was cut
			continue
		}
		if !errors.Is(err, context.Canceled) {
			c.t.Fatalf("%v\n%s", err, log.String())
		}
	}
}

// TestDeltaModel: whatever happened at the source since, the base and its deltas amount to what
// the source is, though each delta is made by runs that are killed at random, and during every
// second one the source is changed and connections are cut; a delta names what differs in every
// type, and little else.
func TestDeltaModel(t *testing.T) {
	rounds, deltas := 1, 3
	if n, _ := strconv.Atoi(os.Getenv("DELTA_ROUNDS")); n > 0 {
		rounds, deltas = n, 10
	}
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		for round := range rounds {
			t.Run(fmt.Sprint(v, " ", round), func(t *testing.T) {
				t.Parallel()
				c := startChanging(t, v, uint64(round))
				base, chain := newDir(t), newDir(t)
				c.change(100)
				c.run(base, 1_000_000)
				is := read(t, base)
				for number := 1; number <= deltas; number++ {
					c.touched = map[string]bool{}
					c.change(5 + 5*number)
					if c.busy.Store(number%2 == 0); !c.busy.Load() { // what lives a minute is gone by then
						c.now.Add(61_000)
					}
					out := archive.DeltaPath(chain, number)
					c.run(out, 60, since(base))
					d := read(t, out)
					if c.busy.Load() {
						is.apply(d)
						continue
					}
					names := map[string]int{}
					for key := range d {
						db, rest, _ := strings.Cut(key, " ")
						_, name, _ := strings.Cut(rest, " ")
						names[db+" "+name]++
					}
					types := len(manifest(t, base).Options.Types)
					for name, n := range names {
						if n != types {
							t.Errorf("%s has %d types in the delta, not %d", name, n, types)
						}
					}
					now := newDir(t)
					c.run(now, 1_000_000)
					is.apply(d)
					is.equals(t, read(t, now), c.clock())
					for name := range names { // nothing is read again for nothing
						if !c.many && number == 1 && !c.touched[name] {
							t.Errorf("%s is in the delta, and was not changed", name)
						}
					}
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}
