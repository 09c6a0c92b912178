package follow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

var errKilled = errors.New("killed")

// A fragile session is cut after some items.
type fragile struct {
	session
	left *atomic.Int64
}

func (f *fragile) Next(ctx context.Context) (*binlog.Item, error) {
	if f.left.Add(-1) < 0 {
		return nil, fmt.Errorf("%w: cut", binlog.ErrUnavailable)
	}
	return f.session.Next(ctx)
}

// rounds is how many random runs are made; FOLLOW_ROUNDS says otherwise.
func rounds(t *testing.T) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("FOLLOW_ROUNDS"), 10, 64); err == nil {
		return n
	}
	if testing.Short() {
		return 3
	}
	return 9
}

// TestLive: a source is written in every way, names are in several types, while it is followed by
// runs that are killed at random points and whose connections are cut. When the writers rest, base
// and deltas amount to what it holds.
func TestLive(t *testing.T) {
	versions := []pikasim.Version{pikasim.V355, pikasim.V401, pikasim.V340}
	for seed := range rounds(t) {
		v := versions[seed%3]
		t.Run(fmt.Sprint(v, " seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			at := time.Date(2026, 11, 28, 12, 0, 0, 5e8, time.UTC) // so that expiries are exact
			s := newStand(t, pikasim.Options{Version: v, Databases: 2, Clock: func() time.Time { return at }, Config: map[string]string{"cache-model": strconv.Itoa(r.IntN(2))}}, "SET k1 v", "HSET k2 m1 v", "SELECT 1")
			var stop atomic.Bool
			var writing sync.WaitGroup
			writing.Go(func() {
				defer stop.Store(true)
				w := writer{c: smallpika.Client(t, s.Addr()), rand: rand.New(rand.NewPCG(seed, 2))}
				for n := 0; n < 800 && !t.Failed(); n++ {
					w.write(t)
				}
			})
			var cuts atomic.Int64
			fragilely := func(o *Options) {
				o.DeltaNames = 20 + r.IntN(60)
				kill := r.IntN(12)
				points := atomic.Int64{}
				o.before = func(string) error {
					if points.Add(1) == int64(kill) && !stop.Load() {
						return errKilled
					}
					return nil
				}
				o.dial = func(ctx context.Context, bo binlog.Options) (session, error) {
					if cuts.Add(1) > 40 {
						return dial(ctx, bo)
					}
					session, err := dial(ctx, bo)
					left := &atomic.Int64{}
					left.Store(int64(rand.IntN(200)))
					return &fragile{session, left}, err
				}
			}
			for {
				log, err := s.follow(t.Context(), fragilely)
				if err != nil && !errors.Is(err, errKilled) {
					t.Fatalf("%v\n%s", err, log)
				}
				if err == nil && stop.Load() {
					break
				}
			}
			writing.Wait()
			if log, err := s.follow(t.Context(), once); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			s.equal(t)
		})
	}
}

// TestOutage: the source cannot be reached for a while, more than once in a row.
func TestOutage(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET k1 v")
	addr, err := binlog.ReplicationAddr(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Int64 // connections that are reset
	p, err := faultproxy.Start(addr, func(int) (plan faultproxy.Plan) {
		if away.Add(-1) >= 0 {
			plan.ResetAfter = 1
		}
		return plan
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	leave := sync.OnceFunc(func() {
		away.Store(3)
		p.Cut()
		smallpika.Send(t, s.Addr(), "SET k3 v")
	})
	_, port, _ := net.SplitHostPort(p.Addr())
	smallpika.Send(t, s.Addr(), "SET k2 v")
	log, err := s.follow(t.Context(), func(o *Options) {
		o.ReplicationPort, _ = strconv.Atoi(port)
		o.before = func(string) error { leave(); return nil }
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if away.Load() > 0 {
		t.Error("it was never away")
	}
	s.equal(t)
}

// TestReadsWhileItWaits: what was written before the source came to rest is read while the run
// waits to see that it stays so: the last delta has nothing left to read.
func TestReadsWhileItWaits(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET k v")
	args := []string{"MSET"}
	for i := range worthReading {
		args = append(args, fmt.Sprint("key:", i), "v")
	}
	smallpika.Send(t, s.Addr(), strings.Join(args, " "))
	log, err := s.follow(t.Context(), func(o *Options) { o.Interval, o.UntilIdle = time.Hour, time.Second })
	if err != nil || len(s.deltas(t)) != 2 || !strings.Contains(log, "000002: 0 names") {
		t.Fatalf("%v\n%s", err, log)
	}
	s.equal(t)
}
