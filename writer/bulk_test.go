package writer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestBulkAsked: a connection that is lost while a target is asked how long an argument may be is
// no answer, unless it is lost each time.
func TestBulkAsked(t *testing.T) {
	addr := redisserver.Start(t, "--user", "loader", "on", ">secret", "~*", "+@all", "-config").Addr
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer c.Close()
	reset, stall := faultproxy.Plan{ResetAfter: 1 << 20}, faultproxy.Plan{StallAfter: 1 << 20}
	for name, o := range map[string]struct {
		plans []faultproxy.Plan // of the connections behind those of the loader and the worker
		there bool
		lost  bool
	}{
		"taken":     {there: true},
		"lost once": {plans: []faultproxy.Plan{reset, reset}, there: true},
		"refused":   {plans: []faultproxy.Plan{reset, reset, reset}},
		"stalled":   {plans: []faultproxy.Plan{stall}, lost: true},
	} {
		proxy, err := faultproxy.Start(addr, func(n int) faultproxy.Plan {
			if n -= 2; n >= 0 && n < len(o.plans) {
				return o.plans[n]
			}
			return faultproxy.Plan{}
		})
		if err != nil {
			t.Fatal(err)
		}
		timeout := time.Minute
		if o.lost {
			timeout = 200 * time.Millisecond
		}
		_, left, err := load(t, Options{Target: target.Options{Addr: proxy.Addr(), Username: "loader", Password: "secret", ReadTimeout: timeout}, OnExists: Replace},
			str("k", strings.Repeat("v", 2<<20), 0), str("other", "v", 0))
		n := c.StrLen(t.Context(), "k").Val()
		switch {
		case o.lost && !errors.Is(err, ErrTransient), !o.lost && err != nil:
			t.Errorf("%s: %v", name, err)
		case (n > 0) != o.there, !o.lost && (len(left) == 0) != o.there:
			t.Errorf("%s: %d bytes are there, left out %d", name, n, len(left))
		}
		if len(left) > 0 && !strings.Contains(left[0].Reply, "does not tell") {
			t.Errorf("%s: %+v", name, left[0].Reply)
		}
		c.FlushAll(t.Context())
		proxy.Close()
	}
}
