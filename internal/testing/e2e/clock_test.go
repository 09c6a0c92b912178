package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestClocks: the clock by which a Pika counts seconds is behind the one that TIME reads, by
// as much as a tick of the kernel. At the beginning of a second both differ, and an expiry
// must not come out a second late. The clocks here go fast, so that many seconds begin.
func TestClocks(t *testing.T) {
	parallel(t)
	const fast, lag = 20, 10 * time.Millisecond
	start := time.Now()
	clock := func() time.Time { return start.Add(fast * time.Since(start)) }
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V400} {
		t.Run(string(v), func(t *testing.T) {
			s := simulate(t, pikasim.Options{
				Version: v,
				Clock:   func() time.Time { return clock().Add(-lag) },
				Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
					if !strings.EqualFold(string(args[0]), "time") {
						return nil, false, false
					}
					now := clock()
					reply := "*2\r\n"
					for _, n := range []int64{now.Unix(), int64(now.Nanosecond() / 1000)} {
						text := strconv.FormatInt(n, 10)
						reply += fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
					}
					return []byte(reply), true, false
				},
			})
			var keys []*record
			f := newFiller(t, client(t, s.addr, 0))
			for i := range 10_000 {
				r := set(strconv.Itoa(i), "member")
				r.Expire = int64(firstExpiry+i) * 1000
				f.record(r)
				keys = append(keys, r)
			}
			f.flush()
			dir, to := dump(t, 0, s), startRedis(t)
			load(t, 0, dir, to)
			check := newChecker(t, to, 0)
			for _, r := range keys {
				check.key(r)
			}
			check.done()
		})
	}
}
