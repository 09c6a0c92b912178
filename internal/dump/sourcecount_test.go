package dump

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// counting returns the text of INFO keyspace, as 3.5.5 gives it.
func counting(strings int) string {
	text := fmt.Sprintf("# Keyspace\r\n# Time:2026-11-28 14:31:49\r\n# Duration: 0s\r\ndb0 Strings_keys=%d, expires=1, invalid_keys=1\r\n", strings)
	return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
}

// TestSourceCount: a dump without writes is held against the source's own count, which is ordered
// once for a database, and says what came out.
func TestSourceCount(t *testing.T) {
	const differs = "but it is not whole, or the source's count is wrong"
	unlisted := func(lost string) func(string) bool { return func(name string) bool { return name == lost } }
	for _, x := range []struct {
		name   string
		o      pikasim.Options
		set    func(*Options)
		left   bool     // keys are left out
		says   []string // of the manifest, or the error
		orders int64    // INFO keyspace 1
	}{
		{name: "3.5.5", says: []string{format.NoWrites, "has as many keys without expiry, 5, and no more with one; not counted: streams"}, orders: 1},
		{name: "4.0.1", o: pikasim.Options{Version: pikasim.V401}, says: []string{"keys without expiry, 5, and no more with one)"}, orders: 1},
		{name: "two databases", o: pikasim.Options{Databases: 2}, says: []string{"keys without expiry, 5,"}, orders: 2},
		{name: "no keys of a type", set: func(o *Options) { o.Selection.Types, o.Selection.DBs = []format.Type{format.TypeString}, []int{1} }, o: pikasim.Options{Databases: 2}, says: []string{"without expiry, 0,"}, orders: 1},
		{name: "SCAN", o: pikasim.Options{Version: pikasim.V401}, set: func(o *Options) { o.Reader.Scan = reader.ScanScan }, says: []string{"without expiry, 5,"}, orders: 1},

		{name: "a name is lost", o: pikasim.Options{Unlisted: unlisted("h")}, left: true,
			says: []string{differs, "db0: the source counts 1 hash without expiry, the dump has 0"}, orders: 2},
		{name: "a name is lost, 4.0.1", o: pikasim.Options{Version: pikasim.V401, Unlisted: unlisted("set")}, left: true,
			says: []string{differs, "the source counts 1 set without expiry, the dump has 0"}, orders: 2},
		{name: "a name is lost by SCAN", o: pikasim.Options{Version: pikasim.V401, Unlisted: unlisted("z")}, set: func(o *Options) { o.Reader.Scan = reader.ScanScan }, left: true,
			says: []string{"the source counts 1 zset without expiry, the dump has 0"}, orders: 2},
		{name: "one with an expiry is lost", o: pikasim.Options{Unlisted: unlisted("s2")}, left: true,
			says: []string{"the source counts 1 string with an expiry, the dump has 0"}, orders: 2},
		{name: "of the types asked for", o: pikasim.Options{Unlisted: unlisted("h")}, set: func(o *Options) { o.Selection.Types = []format.Type{format.TypeString} }, says: []string{"without expiry, 1,"}, orders: 1},
		{name: "too few counted", o: pikasim.Options{Intercept: smallpika.Answer(map[string]string{"INFO KEYSPACE 0": counting(1)})}, left: true,
			says: []string{"db0: the source counts 0 strings without expiry, the dump has 1"}, orders: 2},

		{name: "--no-source-count", o: pikasim.Options{Version: pikasim.V401, Unlisted: unlisted("h")}, set: func(o *Options) { o.Reader.NoCount = true }, says: []string{"not held", "--no-source-count"}},
		{name: "--match", set: match("s*"), says: []string{"not held", "not all keys were asked for"}},
		{name: "3.0", o: pikasim.Options{Version: pikasim.V302}, says: []string{"not held", "does not count by type"}},
		{name: "no binlog", o: pikasim.Options{Config: map[string]string{"write-binlog": "no"}}, says: []string{format.CannotBeTold}},
		{name: "it compacts", o: pikasim.Options{Intercept: smallpika.Answer(map[string]string{"INFO KEYSPACE 1": "-ERR The compact operation is executing, Try again later\r\n"})},
			says: []string{"not held", "compact operation is executing"}, orders: 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			var orders atomic.Int64
			inner := x.o.Intercept
			x.o.Intercept = func(db int, args [][]byte) ([]byte, bool, bool) {
				if strings.HasPrefix(smallpika.Line(args), "INFO KEYSPACE 1") {
					orders.Add(1)
				}
				if inner != nil {
					return inner(db, args)
				}
				return nil, false, false
			}
			s := smallpika.Start(t, x.o)
			out := newDir(t)
			set := func(o *Options) {
				if x.set != nil {
					x.set(o)
				}
			}
			r := makeDump(t, s.Addr(), out, set)
			if x.left {
				r.leftOut(t, x.says...)
				if c := manifest(t, out).Consistency; c.Statement != format.CannotBeTold {
					t.Errorf("the manifest says %q", c)
				}
				if x.set == nil { // a dump by SCAN is not resumed
					makeDump(t, s.Addr(), out, resume).leftOut(t, x.says...)
				}
			} else {
				r.ok(t)
			}
			c := manifest(t, out).Consistency
			for _, want := range x.says {
				if said := fmt.Sprintf("%s (%s)", c.Statement, c.Reason); !x.left && !strings.Contains(said, want) {
					t.Errorf("the manifest says %s, not %q", said, want)
				}
			}
			if n := orders.Load(); n != x.orders {
				t.Errorf("%d counts were ordered, want %d", n, x.orders)
			}
		})
	}
}

// TestSourceCountAgain: a count that says that the dump is not whole is made anew: the first may
// have been stopped, so that it shows the numbers of the one before, and keys expire between the
// count and the listing.
func TestSourceCountAgain(t *testing.T) {
	for _, name := range []string{"stopped", "expired"} {
		t.Run(name, func(t *testing.T) {
			var ahead atomic.Int64
			var counts atomic.Int64
			counted := make(chan struct{})
			closeCounted := sync.OnceFunc(func() { close(counted) })
			s := smallpika.Start(t, pikasim.Options{Clock: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
				Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
					line := smallpika.Line(args)
					switch {
					case strings.HasPrefix(line, "INFO KEYSPACE 1"):
						return []byte(counting(0)), counts.Add(1) == 1 && name == "stopped", false
					case strings.HasPrefix(line, "INFO KEYSPACE 0") && counts.Load() == 1: // it is done
						closeCounted()
					case strings.HasPrefix(line, "PKSCANRANGE STRING") && !strings.Contains(line, "PIKADUMP:PROBE") && name == "expired":
						<-counted
						ahead.Store(int64(100_000 * time.Second))
					}
					return nil, false, false
				}})
			out := newDir(t)
			r := makeDump(t, s.Addr(), out)
			r.ok(t)
			if c := manifest(t, out).Consistency; c.Statement != format.NoWrites || !strings.Contains(c.Reason, "without expiry, 5,") {
				t.Errorf("%q\n%s", c, r.log)
			}
			if n := counts.Load(); n != 2 {
				t.Errorf("%d counts were ordered, want 2", n)
			}
		})
	}
}

// TestSourceCountResumed: the run that finishes a dump has all of it counted, if nothing was
// written since it began; what others write before the count ends makes it worthless.
func TestSourceCountResumed(t *testing.T) {
	var broken, write atomic.Bool
	broken.Store(true)
	var s *pikasim.Server
	s = smallpika.Start(t, pikasim.Options{Unlisted: func(name string) bool { return name == "s1" }, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		line := smallpika.Line(args)
		if strings.HasPrefix(line, "INFO KEYSPACE 1") && write.CompareAndSwap(true, false) {
			smallpika.Send(t, s.Addr(), "SET new v")
		}
		return []byte("-ERR no\r\n"), broken.Load() && strings.HasPrefix(line, "PKSCANRANGE ZSET"), false
	}})
	out := newDir(t)
	one := func(o *Options) { o.Threads, o.Resume = 1, true }
	r := makeDump(t, s.Addr(), out, one)
	if r.err == nil || errors.As(r.err, new(*exitcode.LeftOutError)) {
		t.Fatalf("%v\n%s", r.err, r.log)
	}
	broken.Store(false)
	makeDump(t, s.Addr(), out, one).leftOut(t, "db0: the source counts 1 string without expiry, the dump has 0")

	write.Store(true)
	makeDump(t, s.Addr(), newDir(t), one).ok(t)
}
