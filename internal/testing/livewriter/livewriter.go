// Package livewriter changes a Pika in every way for as long as it runs: with every write command
// whose trace is in the binlog, keys of every type and of several types, expiries that are set,
// changed and removed, odd names, collections that grow and are cut, keys that come and go.
//
// [Start] writes beside a test until it is stopped; [Write] returns when its context ends. Both
// take a simulated Pika or a real one by its address, and report what was done by command.
//
// It never empties a database, never sends PKPATTERNMATCHDEL where the binlog does not name the
// keys, and never writes what a dump leaves out by rule, but HyperLogLogs on 4.0.
package livewriter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Options say what is written, and where to.
type Options struct {
	Addr      string
	Databases []int  // default: 0
	Seed      uint64 // the same seed, the same commands; but servers take their own time
	Rate      int    // commands a second in all databases; default 2,000
	Commands  int    // per database, then it ends; 0: until the context ends
	Names     int    // of each type and database; default 40
	Grow      int    // elements by which a big collection grows at a time; default 100
}

// Counts are commands by name: what the server took, and what it refused. Some are refused
// always: INCR of a text, on 4.0 a command of another type than the name has.
type Counts struct{ Taken, Refused map[string]int }

// Total is how many commands the server took.
func (c Counts) Total() (n int) {
	for _, k := range c.Taken {
		n += k
	}
	return n
}

// Start writes until stop is called, or the test ends, and fails the test if it cannot.
func Start(t testing.TB, o Options) (stop func() Counts) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var counts Counts
	var err error
	var running sync.WaitGroup
	running.Go(func() { counts, err = Write(ctx, o) })
	stop = sync.OnceValue(func() Counts {
		cancel()
		running.Wait()
		if err != nil {
			t.Error(err)
		}
		return counts
	})
	t.Cleanup(func() { stop() })
	return stop
}

// Write writes until the context ends, which is no error.
func Write(ctx context.Context, o Options) (Counts, error) {
	if len(o.Databases) == 0 {
		o.Databases = []int{0}
	}
	o.Rate, o.Names, o.Grow = cmp.Or(o.Rate, 2000), cmp.Or(o.Names, 40), cmp.Or(o.Grow, 100)
	limit := rate.NewLimiter(rate.Limit(o.Rate), batch)
	all := tally{Counts: Counts{map[string]int{}, map[string]int{}}}
	g, ctx := errgroup.WithContext(ctx)
	for _, db := range o.Databases {
		w := &writer{
			o: o, limit: limit, rand: rand.New(rand.NewPCG(o.Seed, uint64(db))), tally: &all,
			client: redis.NewClient(&redis.Options{
				Addr: o.Addr, DB: db, Protocol: 2, DisableIdentity: true,
				MaxRetries: -1, PoolSize: 1, ReadTimeout: time.Minute,
			}),
		}
		g.Go(func() error {
			defer w.client.Close()
			if err := w.run(ctx); err != nil {
				return fmt.Errorf("write into database %d of %s: %w", db, o.Addr, err)
			}
			return nil
		})
	}
	err := g.Wait()
	return all.Counts, err
}

// A tally is the Counts of all writers.
type tally struct {
	sync.Mutex
	Counts
}

// batch is how many commands go to the server together.
const batch = 20

// writer writes into one database.
type writer struct {
	o         Options
	limit     *rate.Limiter
	client    *redis.Client
	rand      *rand.Rand
	version   string
	templates [][]string
	fresh     int // names that came so far
	tally     *tally
}

// run sends commands in pipelines. One that was begun is finished, so that the counts are right.
func (w *writer) run(ctx context.Context) error {
	var err error
	if w.version, err = w.askVersion(ctx); err != nil {
		return err
	}
	w.templates = templates(w.version)
	for sent := 0; w.o.Commands == 0 || sent < w.o.Commands; sent += batch {
		if w.limit.WaitN(ctx, batch) != nil {
			return nil // the context ended
		}
		var commands [][]any
		for len(commands) < batch {
			commands = append(commands, w.next()...)
		}
		if err := w.send(context.WithoutCancel(ctx), commands); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) askVersion(ctx context.Context) (string, error) {
	info, err := w.client.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	version := resp.Fields(info)["pika_version"]
	if version == "" {
		return "", errors.New("it does not say that it is a Pika")
	}
	return version, nil
}

// send sends a pipeline, now and then as a MULTI where there is one, and counts the replies.
func (w *writer) send(ctx context.Context, commands [][]any) error {
	pipe := w.client.Pipeline()
	if w.version >= "3.5" && w.rand.IntN(50) == 0 {
		pipe = w.client.TxPipeline()
	}
	for _, args := range commands {
		pipe.Do(ctx, args...)
	}
	replies, _ := pipe.Exec(ctx) // each error stands in its reply
	w.tally.Lock()
	defer w.tally.Unlock()
	for i, reply := range replies {
		name, err := commands[i][0].(string), reply.Err()
		_, isReply := errors.AsType[redis.Error](err)
		_, closed := errors.AsType[net.Error](err)
		switch {
		case err == nil || errors.Is(err, redis.Nil):
			w.tally.Taken[name]++
		case closed || !isReply:
			return err
		case strings.Contains(err.Error(), "unknown") || strings.Contains(err.Error(), "wrong number"):
			return fmt.Errorf("%.200q: %w", commands[i], err)
		default:
			w.tally.Refused[name]++
		}
	}
	return nil
}
