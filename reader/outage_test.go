package reader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// An outage makes a source unreachable, from a command on and until it was tried again a few times.
type outage struct {
	reply   string       // what it answers meanwhile; empty: it closes connections
	after   atomic.Int64 // commands until it begins; negative: never
	away    atomic.Bool
	retries atomic.Int64
}

func (o *outage) intercept(int, [][]byte) ([]byte, bool, bool) {
	if o.after.Add(-1) == 0 {
		o.away.Store(true)
	}
	if !o.away.Load() {
		return nil, false, false
	}
	return []byte(o.reply), o.reply != "", o.reply == ""
}

func (o *outage) retrying(error, time.Duration) {
	if o.retries.Add(1) == 1 {
		o.away.Store(false)
	}
}

// begin lets the outage begin at the n-th command from now.
func (o *outage) begin(n int64) {
	o.retries.Store(0)
	o.after.Store(n)
}

// TestOutage: whatever is being read when the source goes away, it is waited for, and the result is
// the same.
func TestOutage(t *testing.T) {
	for _, reply := range []string{"", "-ERR Full sync not completed\r\n", "-LOADING Redis is loading the dataset in memory\r\n", "-ERR max number of clients reached\r\n"} {
		var out outage
		out.reply = reply
		srv, c := startSim(t, pikasim.Options{Intercept: out.intercept})
		for i := range 20 {
			key := fmt.Sprintf("key:%03d", i)
			for _, cmd := range [][]any{{"SET", key, "v"}, {"HSET", key, "f", "v"}, {"RPUSH", key, "v"}, {"SADD", key, "v"}, {"ZADD", key, 1, "v"}, {"XADD", key, "1-1", "f", "v"}} {
				mustDo(t, c, cmd...)
			}
		}
		s := open(t, Options{Addr: srv.Addr(), PageKeys: 4, RetryFor: time.Minute, Retrying: out.retrying})
		read := map[string]func() (any, error){
			"positions": func() (any, error) { return s.BinlogPositions(t.Context()) },
			"volume":    func() (any, error) { return s.Volume(t.Context(), []int{0}) },
			"setting":   func() (any, error) { return s.Setting(t.Context(), "timeout") },
			"ping": func() (any, error) {
				p := s.Observer()
				defer p.Close()
				_, err := p.Ping(t.Context())
				return nil, err
			},
			"census": func() (any, error) {
				return s.TreeSample(t.Context(), 0, format.TypeHash, TreeSampleOptions{Picks: 2, LeafKeys: 2, Types: 2, Seed: 1}, func(float64, Sampled) error { return nil })
			},
			"keys": func() (any, error) {
				k, err := s.NewKeyReader(t.Context(), 0)
				if err != nil {
					return nil, err
				}
				defer k.Close()
				g := newGathered(t)
				err = k.ReadKeys(t.Context(), format.TypeHash, [][]byte{[]byte("key:001"), []byte("key:002")}, g)
				return fmt.Sprint(g.keys, g.values, g.skipped), err
			},
		}
		for _, typ := range format.Types {
			read["scan "+string(typ)] = func() (any, error) {
				g := newGathered(t)
				err := s.Scan(t.Context(), NewPass(0, typ, nil, nil), g)
				return fmt.Sprint(g.keys, g.values, g.skipped), err
			}
		}
		for what, f := range read {
			want, err := f()
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int64{1, 5} { // while connecting, and behind it
				if reply != "" && (n == 1 || what != "setting" && what != "scan hash") {
					continue
				}
				out.begin(n)
				got, err := f()
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %q from command %d on: %v, want %v; error %v", what, reply, n, got, want, err)
				}
				if out.retries.Load() < 1 {
					t.Errorf("%s, %q from command %d on: tried again %d times", what, reply, n, out.retries.Load())
				}
			}
		}
	}
}

// TestOutageTooLong: it is given up after RetryFor, and the error says so; without it, at once.
func TestOutageTooLong(t *testing.T) {
	var out outage
	srv, _ := startSim(t, pikasim.Options{Intercept: out.intercept})
	for _, x := range []struct {
		limit   time.Duration
		retries bool
		says    string
	}{{0, false, "source unavailable"}, {50 * time.Millisecond, true, "given up after 50ms without progress (--retry-for)"}} {
		s := open(t, Options{Addr: srv.Addr(), RetryFor: x.limit, Retrying: func(error, time.Duration) { out.retries.Add(1) }})
		out.begin(1)
		_, err := s.BinlogPositions(t.Context())
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), x.says) || strings.Count(err.Error(), "given up") > 1 || (out.retries.Load() > 0) != x.retries {
			t.Errorf("after %d retries: %v", out.retries.Load(), err)
		}
		out.away.Store(false)
	}
}

// TestFirstConnection: at an address where nobody answers a run does not wait; for a server that
// says that it cannot answer yet it does.
func TestFirstConnection(t *testing.T) {
	var out outage
	srv, _ := startSim(t, pikasim.Options{Intercept: out.intercept})
	o := Options{Addr: srv.Addr(), RetryFor: time.Minute, Retrying: out.retrying}
	out.begin(1)
	if _, err := Open(t.Context(), o); !errors.Is(err, ErrUnavailable) || out.retries.Load() > 0 {
		t.Errorf("after %d retries: %v", out.retries.Load(), err)
	}
	busy := outage{reply: "-ERR Full sync not completed\r\n"}
	srv, _ = startSim(t, pikasim.Options{Intercept: busy.intercept})
	o.Addr, o.Retrying = srv.Addr(), busy.retrying
	busy.begin(1)
	if _, err := Open(t.Context(), o); err != nil || busy.retries.Load() != 1 {
		t.Errorf("after %d retries: %v", busy.retries.Load(), err)
	}
}

// TestRestart: behind a restart the positions of the binlog say nothing; a server of another
// version is not resumed.
func TestRestart(t *testing.T) {
	srv, _ := startSim(t, pikasim.Options{})
	addr := srv.Addr()
	s := open(t, Options{Addr: addr, RetryFor: time.Minute})
	if p, err := s.BinlogPositions(t.Context()); err != nil || len(p) != 1 || s.Restarted() {
		t.Fatal(p, err)
	}
	restart := func(v pikasim.Version) {
		t.Helper()
		if err := srv.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if srv, err = pikasim.Start(pikasim.Options{Addr: addr, Version: v}); err != nil {
			t.Fatal(err)
		}
	}
	restart(pikasim.V355)
	if p, err := s.BinlogPositions(t.Context()); err != nil || len(p) != 0 || !s.Restarted() {
		t.Errorf("%v, %v", p, err)
	}
	restart(pikasim.V401)
	defer srv.Close()
	if _, err := s.BinlogPositions(t.Context()); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), `there was Pika 3.5.5, and now there is "4.0.0"`) {
		t.Error(err)
	}
}

// TestRestartByUptime: where the process has the same number again, as in a container, and no
// run_id, the uptime tells.
func TestRestartByUptime(t *testing.T) {
	info := func(up string) map[string]string {
		return map[string]string{"pika_version": "3.4.0", "process_id": "1", "uptime_in_seconds": up}
	}
	i := newIdentity(&ServerInfo{}, info("50"))
	var seen []int
	for _, up := range []string{"49", "51", "3", "4"} {
		if err := i.see("", i.seen(), newSighting(info(up))); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, int(i.restarts.Load()))
	}
	if !slices.Equal(seen, []int{0, 0, 1, 1}) {
		t.Error(seen)
	}
	now := &ServerInfo{Source: format.Source{ProcessID: "2"}} // began long ago
	if was := (&format.Info{Source: format.Source{ProcessID: "1"}}); now.RunsSince(was, 0) {
		t.Error("another process")
	}
}
