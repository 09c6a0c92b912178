package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// loadCrashRounds is how many loads are disturbed, at the least (SOAK).
func loadCrashRounds() int {
	if testing.Short() {
		return 6
	}
	return 50
}

// partElements is how many elements of a large key go into one part.
const partElements = 150

// loadCrashKeys are small keys of every kind, and a few large ones that go through many parts and
// several chunks, in key order.
func loadCrashKeys() []*record {
	var keys []*record
	for i := range 600 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		r := &record{}
		r.Kind, r.Part = mix[i%len(mix)], format.PartWhole
		size := 1 + rng.IntN(6)
		switch {
		case i%60 == 7 || i%60 == 19 || i%60 == 16 || i%60 == 3 || i%60 == 5: // a list, a stream, a hash, a set, a zset
			size = 200 + rng.IntN(2000)
		case i%200 == 0:
			r.Kind, size = format.String, 0
		}
		r.Key = fmt.Appendf(nil, "key\x00%06d", i)
		if rng.IntN(4) == 0 {
			r.Expire = (firstExpiry + rng.Int64N(1<<30)) * 1000
		}
		r.fill(rng, size, false)
		if i%200 == 0 {
			r.Value = noise(rng, 300_000)
		}
		keys = append(keys, r)
	}
	return keys
}

// parts cuts a record into parts.
func parts(r *record) []format.Record {
	n := max(len(r.Elems), len(r.Entries), len(r.Value)/1000)
	step := partElements
	if r.Kind == format.Hash {
		step *= 2
	}
	if n <= step {
		return []format.Record{r.Record}
	}
	var all []format.Record
	for at := 0; at < n; at += step {
		p := format.Record{Kind: r.Kind, Key: r.Key, Expire: r.Expire}
		end := min(n, at+step)
		switch {
		case r.Kind == format.String:
			p.Value = r.Value[at*1000 : min(end*1000, len(r.Value))]
			if end == n {
				p.Value = r.Value[at*1000:]
			}
		case r.Kind == format.Stream:
			p.Entries = r.Entries[at:end]
		default:
			p.Elems = r.Elems[at:end]
			if r.Kind == format.Zset {
				p.Scores = r.Scores[at:end]
			}
		}
		all = append(all, p)
	}
	all[0].Part |= format.PartFirst
	all[len(all)-1].Part |= format.PartLast
	all[len(all)-1].State = r.State
	return all
}

// writeDump writes a dump of keys that are in key order.
func writeDump(t *testing.T, keys []*record) (dir string) {
	t.Helper()
	return writeDumpOf(t, time.Now(), keys)
}

// writeDumpOf writes a dump that was begun at some time.
func writeDumpOf(t *testing.T, began time.Time, keys []*record) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dump")
	writeDumpTo(t, dir, began, keys)
	return dir
}

// writeDumpTo writes it to a directory or the URL of a bucket.
func writeDumpTo(t *testing.T, location string, began time.Time, keys []*record) {
	t.Helper()
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}
	o := format.Options{Types: format.Types, Databases: []int{0}}
	w, err := archive.Create(t.Context(), location, format.NewInfo("test", began, src, o), archive.Options{ChunkBytes: 12 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, typ := range format.Types {
		seg := w.Segment(0, typ, nil)
		for _, r := range keys {
			if !typ.Holds(r.Kind) {
				continue
			}
			for _, p := range parts(r) {
				if err := seg.Record(&p); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := seg.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
}

// TestCrash kills loads at random moments and cuts their connections, resumes them, and
// compares everything in the end.
func TestCrash(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	mustRun(t, 0, "kvload", "check", "--quiet", dir)
	eachTarget(t, func(t *testing.T, to target) {
		(&crash{t: t, to: to, dir: dir, keys: keys}).rounds(loadCrashRounds())
	})
}

// TestRawCrash is TestCrash by raw batches, into a simulated Kvrocks and a real one.
func TestRawCrash(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	dir := writeDump(t, keys)
	mustRun(t, 0, "kvload", "check", "--quiet", dir)
	eachKvrocks(t, func(t *testing.T, to target) {
		(&crash{t: t, to: to, dir: dir, keys: keys, method: "raw"}).rounds(loadCrashRounds())
	})
}

// A crash is a load that is disturbed again and again.
type crash struct {
	t    *testing.T
	to   target
	dir  string
	keys []*record

	method  string                             // of the load; empty: the default
	journal *s3server.Server                   // where the journal is; nil: in a directory
	store   *s3server.Server                   // of the dump or the journal; nil: they are in directories
	faults  func(*http.Request) s3server.Fault // of the store
}

// rounds disturbs n loads or more, one after another.
func (c *crash) rounds(n int) {
	c.t.Helper()
	begun := time.Now()
	c.load("fail", c.to.addr)
	took := time.Since(begun)
	if c.store != nil {
		c.store.SetFault(c.faults)
		defer c.store.SetFault(nil)
	}
	killed, cut, until := 0, 0, soaking(c.t)
	for round := 0; round < n || time.Now().Before(until); round++ {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		k, f := c.round(rng, took, []string{"fail", "replace", "skip"}[round%3])
		killed, cut = killed+k, cut+f
		if c.t.Failed() {
			c.t.Fatalf("round %d", round)
		}
	}
	c.t.Logf("%d runs were killed, %d connections were disturbed; an undisturbed load took %v", killed, cut, took)
	if killed == 0 || cut == 0 {
		c.t.Error("nothing was disturbed")
	}
}

// round disturbs one load and compares.
func (c *crash) round(rng *rand.Rand, took time.Duration, onExists string) (killed, cut int) {
	c.t.Helper()
	admin := client(c.t, c.to.addr, 0)
	do(c.t, admin, "FLUSHDB")
	want := slices.Clone(c.keys)
	existed := map[string]bool{}
	if onExists != "fail" {
		for i := rng.IntN(5); i < len(want); i += 7 {
			do(c.t, admin, "RPUSH", want[i].Key, "before", "the load")
			if onExists == "skip" {
				existed[string(want[i].Key)] = true
				want[i] = &record{Record: format.Record{Kind: format.List, Key: want[i].Key, Elems: [][]byte{[]byte("before"), []byte("the load")}}}
			}
		}
	}
	faults := rng.IntN(4)
	plans := make([]faultproxy.Plan, 40)
	for i := range faults {
		at := 1 + rng.Int64N(400_000)
		p := &plans[6+rng.IntN(8)+i*3] // the first connections are those of the start
		switch rng.IntN(8) {
		case 0, 1:
			p.HalfCloseAfter = at
		case 2, 3:
			p.StallAfter = at // until --timeout
		default:
			p.ResetAfter = at
		}
		plans[6+rng.IntN(8)].Latency = time.Duration(rng.IntN(3)) * time.Millisecond
	}
	proxy, err := faultproxy.Start(c.to.addr, func(n int) faultproxy.Plan {
		if n < len(plans) {
			return plans[n]
		}
		return faultproxy.Plan{}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer proxy.Close()
	kills := make([]time.Duration, rng.IntN(4))
	for i := range kills {
		kills[i] = time.Duration(rng.Int64N(int64(took)))
	}
	left, killed := c.load(onExists, proxy.Addr(), kills...)
	listed := map[string]bool{}
	for _, l := range left {
		if l.Reason != "exists" || !existed[string(l.Key)] {
			c.t.Errorf("%.80q is left out: %s", l.Key, l.Reason)
		}
		if listed[string(l.Key)] {
			c.t.Errorf("%.80q stands twice in the report", l.Key)
		}
		listed[string(l.Key)] = true
	}
	if len(listed) != len(existed) {
		c.t.Errorf("%d keys existed, %d are listed", len(existed), len(listed))
	}
	check := newChecker(c.t, c.to, 0)
	for _, r := range want {
		check.key(r)
	}
	check.done()
	return killed, proxy.Disturbed()
}

// load begins a load, kills it after each of the durations and resumes it, and lets it come to
// its end.
func (c *crash) load(onExists, addr string, kills ...time.Duration) (left []leftOut, killed int) {
	c.t.Helper()
	home := c.t.TempDir()
	report, state := filepath.Join(home, "left-out.jsonl"), filepath.Join(home, "state")
	if c.journal != nil {
		state = c.journal.URL("state" + home)
	}
	args := []string{"load", "--quiet", "--uri", "redis://" + addr, "--in", c.dir, "--report", report, "--state", state,
		"--resume", "--on-exists", onExists, "--checkpoint", "1ms", "--threads", "3", "--pipeline", "40", "--timeout", "400ms"}
	if c.method != "" {
		args = append(args, "--method", c.method)
	}
	for _, after := range kills {
		if r := runFor(c.t, after, "kvload", args...); r.code < 0 {
			killed++
		}
	}
	if r := ended(c.t, args); r.code != 0 && r.code != 3 {
		c.t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	return readLines[leftOut](c.t, report), killed
}
