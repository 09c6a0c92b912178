package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// cursorTable is more than the positions that a Pika remembers for all clients together.
const cursorTable = 5_200

// TestLostCursors: another client's scans push out the cursor of a set or zset that is being
// read. It is read anew, and each member is in the dump once.
func TestLostCursors(t *testing.T) {
	parallel(t)
	const members = 10_000
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		for _, command := range []string{"sscan", "zscan"} {
			t.Run(fmt.Sprint(v, " ", command), func(t *testing.T) {
				var asked, armed atomic.Int64
				var other *redis.Client
				s := simulate(t, pikasim.Options{Version: v, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
					if strings.ToLower(string(args[0])) != command || string(args[1]) != "large" || armed.Load() == 0 {
						return nil, false, false
					}
					if n := asked.Add(1); n == 3 || n == 9 || n == 10 {
						pushOut(t, other, command)
					}
					return nil, false, false
				}})
				other = client(t, s.addr, 0)
				large, noisy := set("large"), set("noisy")
				if command == "zscan" {
					large, noisy = zset("large", "m", 1), zset("noisy", "m", 1)
				}
				grow(large, members)
				grow(noisy, cursorTable+2)
				f := newFiller(t, other)
				f.record(large)
				f.record(noisy)
				f.flush()
				armed.Store(1)
				dir := dump(t, 0, s)
				if n := asked.Load(); n < members/512+5 {
					t.Fatalf("%d %ss: no cursor was lost", n, command)
				}
				sum := int64(0)
				for _, total := range inspect(t, dir).Totals {
					sum += total.Elements
				}
				if want := int64(len(large.Elems) + len(noisy.Elems)); sum != want {
					t.Errorf("%d members in the dump, want %d", sum, want)
				}
				to := startRedis(t)
				load(t, 0, dir, to)
				check := newChecker(t, to, 0)
				check.key(large)
				check.key(noisy)
				check.done()
			})
		}
	}
}

// grow gives a set or zset n members more.
func grow(r *record, n int) {
	for i := range n {
		r.Elems = append(r.Elems, fmt.Appendf(nil, "member %d", i))
		if r.Scores != nil {
			r.Scores = append(r.Scores, float64(i))
		}
	}
}

// pushOut scans as many positions as the server remembers.
func pushOut(t *testing.T, c *redis.Client, command string) {
	pipe := c.Pipeline()
	for cursor := range cursorTable {
		pipe.Do(t.Context(), command, "noisy", cursor, "COUNT", 1)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Error(err)
	}
}
