package dump

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestConsistent: a run that must be of one moment ends so only if it is known to be.
func TestConsistent(t *testing.T) {
	var write atomic.Pointer[redis.Client]
	s := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if c := write.Load(); c != nil && smallpika.IsOfScan(args, "PKSCANRANGE HASH") && write.CompareAndSwap(c, nil) {
			c.Set(t.Context(), "new", "v", 0)
		}
		return nil, false, false
	}})
	consistent := func(o *Options) { o.Consistent = true }
	out := newDir(t)
	makeDump(t, s.Addr(), out, consistent).ok(t)
	makeDump(t, s.Addr(), out, consistent, resume).ok(t)

	c := smallpika.Client(t, s.Addr())
	write.Store(c)
	out = newDir(t)
	says := []string{"the dump is finished, but --require-consistent is not met", "writes happened", "db0"}
	r := makeDump(t, s.Addr(), out, consistent)
	if r.leftOut(t, says...); !strings.Contains(r.log, "not consistent (exit code 3)") { // nothing is left out
		t.Error(r.log)
	}
	if !slices.Contains(files(t, out), "manifest.json") {
		t.Error("the dump is not finished")
	}
	makeDump(t, s.Addr(), out, consistent, resume).leftOut(t, says...)
	makeDump(t, s.Addr(), out, resume).ok(t) // it is not required

	c.ConfigSet(t.Context(), "write-binlog", "no")
	makeDump(t, s.Addr(), newDir(t), consistent).leftOut(t, "--require-consistent is not met", "cannot be told")
}
