package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// faults returns what a network and a store that are not at their best do: one request in so many,
// of those that a client has to stand.
func faults(rng *rand.Rand, oneIn int) func(*http.Request) s3server.Fault {
	var mu sync.Mutex
	return func(r *http.Request) s3server.Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(oneIn) > 0 {
			return s3server.Fault{}
		}
		switch n := rng.IntN(5); {
		case n == 0:
			return s3server.Fault{Status: 500}
		case n == 1:
			return s3server.Fault{Status: 503}
		case n == 2:
			return s3server.Fault{Lost: true}
		case r.Method == http.MethodGet:
			return s3server.Fault{CutAfter: 1 + rng.Int64N(20_000)}
		}
		return s3server.Fault{Delay: time.Duration(rng.IntN(100)) * time.Millisecond}
	}
}

// TestBucketDumpCrash is TestDumpCrash with the dump in a bucket.
func TestBucketDumpCrash(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasherInto(t, s, h, server)
	c.afterChunks(t)
	server.SetFault(faults(rand.New(rand.NewPCG(seed, 7)), 30))
	c.rounds(t)
}

// TestBucketLate: what a killed run had sent arrives in the bucket before the next lists what there
// is, when that sends its first chunk or the manifest, and when the dump is finished.
func TestBucketLate(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasherInto(t, s, h, server)
	for _, when := range []string{"listed", "chunks", "manifest.json", "finished"} {
		dir := c.place(t, when)
		late := server.Hold(nil, "PUT /dumps/"+when+"/chunks/db0/hash", "PUT /dumps/"+when+"/chunks/db0/list")
		p := c.start(t, dir, "--threads", "3")
		for range 4 {
			<-late.Sent
		}
		p.kill()
		p.wait(t)
		server.SetFault(nil)
		if when == "listed" {
			late.Arrive(t)
		}
		var begun atomic.Bool
		server.SetFault(func(r *http.Request) s3server.Fault {
			if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/dumps/"+when+"/"+when) && begun.CompareAndSwap(false, true) {
				late.Arrive(t)
			}
			return s3server.Fault{}
		})
		if code, stderr := c.start(t, dir, "--resume", "--threads", "3").wait(t); code != c.code {
			t.Fatalf("%s: exit code %d, want %d\n%s", when, code, c.code, stderr)
		}
		server.SetFault(nil)
		late.Arrive(t)
		c.check(t, dir)
		r := mustRun(t, 0, "kvload", "check", "--quiet", c.location(dir))
		if more := strings.Contains(r.stderr, "no part of the dump"); more != (when != "listed") {
			t.Errorf("%s: check says %s", when, r.stderr)
		}
	}
}

// TestBucketListingLag: a dump is resumed although the store lists nothing of what it holds
// yet.
func TestBucketListingLag(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s, h := simulateCrash(t, pikasim.V401)
	c := newCrasherInto(t, s, h, server)
	dir := c.place(t, "lag")
	if code, how := c.runKilled(t, dir, moment{chunks: c.chunks / 2}, "--threads", "3"); code != -1 {
		c.mustEnd(t, code, how)
		t.Fatal("it was not killed")
	}
	before := fingerprints(t, filepath.Join(dir, "chunks"))
	server.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodGet && r.URL.Query().Has("list-type") {
			return s3server.Fault{Status: 200, Body: "<ListBucketResult><Name>dumps</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"}
		}
		return s3server.Fault{}
	})
	code, stderr := c.start(t, dir, "--resume").wait(t)
	c.mustEnd(t, code, stderr)
	server.SetFault(nil)
	c.check(t, dir)
	after := fingerprints(t, filepath.Join(dir, "chunks"))
	same := 0
	for name, sum := range before {
		if after[name] == sum {
			same++
		}
	}
	t.Logf("%d of %d chunks were taken up", same, len(before))
	if same == 0 {
		t.Error("nothing was taken up")
	}
}

// TestBucketLoadCrash is TestCrash with the dump in a bucket, from which every answer may be cut.
func TestBucketLoadCrash(t *testing.T) {
	parallel(t)
	keys := loadCrashKeys()
	server := s3server.Start(t)
	dir := server.URL("dump")
	writeDumpTo(t, dir, time.Now(), keys)
	mustRun(t, 0, "kvload", "check", "--quiet", dir)
	eachTarget(t, func(t *testing.T, to target) {
		c := &crash{t: t, to: to, dir: dir, keys: keys, store: server, faults: faults(rand.New(rand.NewPCG(seed, 8)), 20)}
		c.rounds(min(12, loadCrashRounds()))
	})
}

// TestBucketCommands: everything that works with a dump in a directory works with one in a bucket.
func TestBucketCommands(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	m := newModel(seed, 200, s)
	m.fill(t, client(t, s.addr, 0))
	in := server.URL("dump")
	from := "redis://" + s.addr
	mustRun(t, 0, "pikadump", "dump", "--quiet", "--uri", from, "--out", in, "--chunk-size", "64KiB", "--uploads", "8")
	m.checkCounts(t, inspect(t, in), 0)
	before := fingerprints(t, server.Dir("dump"))

	r := mustRun(t, 5, "pikadump", "dump", "--quiet", "--uri", from, "--out", in)
	if !strings.Contains(r.stderr, "s3://dumps/dump holds a finished dump") {
		t.Errorf("a second dump: %s", r.stderr)
	}
	mustRun(t, 0, "pikadump", "dump", "--quiet", "--uri", from, "--out", in, "--resume")
	mustStay(t, server.Dir("dump"), before)
	mustRun(t, 0, "pikadump", "verify", "--quiet", "--uri", from, "--in", in)
	mustRun(t, 10, "kvload", "check", "--quiet", server.URL("nothing"))

	eachTarget(t, func(t *testing.T, to target) {
		uri, state, undo := "redis://"+to.addr, filepath.Join(t.TempDir(), "state"), server.URL("undo-"+strings.ReplaceAll(to.addr, ":", "-"))
		admin := client(t, to.addr, 0)
		do(t, admin, "SET", "only here", "1")
		do(t, admin, "RPUSH", m.record(0).Key, "before", "the load")
		mustRun(t, 0, "kvload", "load", "--quiet", "--uri", uri, "--in", in, "--state", state, "--on-exists", "replace", "--undo", undo, "--verify", "--hyperloglog", "string")
		mustRun(t, 0, "kvload", "verify", "--quiet", "--uri", uri, "--in", in, "--hyperloglog", "string")
		if got := inspect(t, undo); len(got.Chunks) == 0 {
			t.Error("the undo dump is empty")
		}
		mustRun(t, 0, "kvload", "rollback", "--quiet", "--uri", uri, "--in", in, "--state", state, "--on-exists", "replace", "--undo", undo, "--hyperloglog", "string")
		if n := len(scan(t, admin)); n != 2 {
			t.Errorf("%d keys are left, want 2", n)
		}
	})
	mustStay(t, server.Dir("dump"), before)

	// Wrong bytes on the way, and at rest.
	server.SetFault(func(r *http.Request) s3server.Fault {
		if strings.Contains(r.URL.Path, "/chunks/db0/hash/") {
			return s3server.Fault{FlipAt: 3000}
		}
		return s3server.Fault{}
	})
	mustName(t, mustRun(t, 13, "kvload", "check", "--quiet", in), "s3://dumps/dump/chunks/db0/hash/0")
	server.SetFault(nil)
	chunk := chunkFiles(t, server.Dir("dump"))[0]
	rewrite(t, chunk, func(data []byte) []byte { data[len(data)/2] ^= 1; return data })
	mustName(t, mustRun(t, 13, "kvload", "check", "--quiet", in), "s3://dumps/dump/"+strings.TrimPrefix(chunk, server.Dir("dump")+"/"))
}

func mustName(t *testing.T, r result, what string) {
	t.Helper()
	if !strings.Contains(r.stderr, what) {
		t.Errorf("%s is not named: %s", what, r.stderr)
	}
}

// TestBucketRefused: what cannot be done is said before the source is read, and with the exit code
// for it.
func TestBucketRefused(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	from := "redis://" + s.addr
	dump := func(code int, says string, url string, flags ...string) {
		t.Helper()
		mustName(t, mustRun(t, code, "pikadump", append([]string{"dump", "--quiet", "--uri", from, "--out", url}, flags...)...), says)
	}
	dump(2, "unsupported URL scheme", "ftp://host/dump")
	dump(2, "takes no credentials", "s3://key:secret@dumps/dump")
	dump(5, "NoSuchBucket", strings.Replace(server.URL("dump"), "s3://dumps/", "s3://nothing/", 1))
	dump(75, "cannot be reached", "s3://dumps/dump?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1")
	dump(5, "/dev/full/spool", server.URL("dump"), "--spool", "/dev/full/spool")
	server.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method == http.MethodPut {
			return s3server.Fault{Status: 403}
		}
		return s3server.Fault{}
	})
	dump(12, "credentials", server.URL("dump"))
	server.SetFault(nil)
	wrong := exec.Command(tool(t, "pikadump"), "dump", "--quiet", "--uri", from, "--out", server.URL("dump"))
	wrong.Env = append(os.Environ(), "AWS_SECRET_ACCESS_KEY=wrong")
	r := finish(t, wrong)
	r.mustBe(t, 12, "pikadump", wrong.Args)
	mustName(t, r, "credentials")
	if left := server.Objects(t, ""); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
}

// TestBucketLocked: while one run is at work another is refused, until it is killed; a lock of
// another machine must be broken.
func TestBucketLocked(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s, h := simulateCrash(t, pikasim.V401)
	c := newCrasherInto(t, s, h, server)
	dir := c.place(t, "locked")
	blocked, release := h.block(t, c.halfWay())
	p := c.start(t, dir, "--threads", "2")
	p.until(t, blocked)
	h.set(nil) // only what was asked before waits
	code, stderr := c.start(t, dir, "--resume").wait(t)
	if code != 11 || !strings.Contains(stderr, "s3://dumps/locked/.lock") || !strings.Contains(stderr, "--break-lock") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	p.kill()
	p.wait(t)
	release()
	lock := filepath.Join(dir, ".lock")
	foreign := strings.Replace(read(t, lock), `"machine":"`, `"machine":"other `, 1)
	if err := os.WriteFile(lock, []byte(foreign), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stderr := c.start(t, dir, "--resume").wait(t); code != 11 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code, stderr := c.start(t, dir, "--resume", "--break-lock").wait(t); code != c.code {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	c.check(t, dir)
}

// bucketMemoryLimit is how much pikadump may use with 8 uploads in flight, and kvload that reads
// from a bucket.
const bucketMemoryLimit = 192 << 20

// TestBucketMemory measures both tools with a dump in a bucket that lets nobody go on before
// eight uploads are in flight.
func TestBucketMemory(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V355})
	f := newFiller(t, client(t, s.addr, 0))
	fillLarge(f, 300)
	f.flush()
	var flying, most int
	var mu sync.Mutex
	var once sync.Once
	eight := make(chan struct{}) // closed when so many uploads are in flight: none goes on before
	server.SetFault(func(r *http.Request) s3server.Fault {
		if r.Method != http.MethodPut || r.ContentLength < 1<<20 {
			return s3server.Fault{}
		}
		mu.Lock()
		flying++
		if most = max(most, flying); flying == 8 {
			once.Do(func() { close(eight) })
		}
		mu.Unlock()
		go func() { <-r.Context().Done(); mu.Lock(); flying--; mu.Unlock() }()
		select {
		case <-eight:
		case <-r.Context().Done():
		}
		return s3server.Fault{}
	})
	in := server.URL("dump")
	check := func(what string, r result) {
		t.Helper()
		t.Logf("%s: VmHWM %.1f MiB", what, float64(r.peak)/(1<<20))
		if r.peak > bucketMemoryLimit {
			t.Errorf("that is above %d MiB", bucketMemoryLimit>>20)
		}
	}
	check("pikadump dump", runMeasured(t, 0, "pikadump", "dump", "--quiet", "--uri", "redis://"+s.addr, "--out", in, "--uploads", "8", "--chunk-size", "16MiB"))
	t.Logf("%d uploads in flight at the most", most)
	if most < 8 {
		t.Error("too few uploads for this test")
	}
	server.SetFault(nil)
	check("kvload check", runMeasured(t, 0, "kvload", "check", "--quiet", in))
	eachTarget(t, func(t *testing.T, to target) {
		check("kvload load", runMeasured(t, 0, "kvload", "load", "--quiet", "--uri", "redis://"+to.addr, "--in", in))
	})
}
