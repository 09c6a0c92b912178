package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// crashRounds is how many dumps of each source are killed and resumed; SOAK=10m goes on
// for ten minutes with each.
const crashRounds = 10

// A hook is what a simulated Pika does before each command. It can be changed
// while the server runs.
type hook struct {
	f atomic.Pointer[func(args [][]byte)]
	// splits counts the probes for a key in the middle of a range.
	splits atomic.Int64
}

func (h *hook) set(f func(args [][]byte)) {
	if f == nil {
		h.f.Store(nil)
		return
	}
	h.f.Store(&f)
}

func (h *hook) intercept(_ int, args [][]byte) ([]byte, bool, bool) {
	switch name := strings.ToUpper(string(args[0])); {
	case name == "PKRSCANRANGE":
		h.splits.Add(1)
	case name == "LRANGE" && strings.HasPrefix(string(args[1]), vanishing):
		return []byte("*0\r\n"), true, false
	}
	if f := h.f.Load(); f != nil {
		(*f)(args)
	}
	return nil, false, false
}

// block makes the source answer no command any more as soon as when says so of one, until release
// is called. Blocked is closed then.
func (h *hook) block(t *testing.T, when func(command string) bool) (blocked chan struct{}, release func()) {
	t.Helper()
	blocked, gate := make(chan struct{}), make(chan struct{})
	var shut atomic.Bool
	h.set(func(args [][]byte) {
		if !shut.Load() && when(strings.ToUpper(string(args[0]))) && shut.CompareAndSwap(false, true) {
			close(blocked)
		}
		if shut.Load() {
			<-gate
		}
	})
	release = sync.OnceFunc(func() {
		h.set(nil)
		close(gate)
	})
	t.Cleanup(release)
	return blocked, release
}

// halfWay says when half of the commands of a dump have come.
func (c *crasher) halfWay() func(string) bool {
	var seen atomic.Int64
	return func(string) bool { return seen.Add(1) >= c.commands/2 }
}

// simulateCrash starts a simulated Pika whose commands can be seen.
func simulateCrash(t *testing.T, v pikasim.Version) (source, *hook) {
	h := &hook{}
	return simulate(t, pikasim.Options{Version: v, Databases: len(crashKeys), Intercept: h.intercept}), h
}

// TestDumpCrash: a dump that is killed at any moments, and resumed as often, ends as one that
// was not disturbed.
func TestDumpCrash(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v), func(t *testing.T) {
			s, h := simulateCrash(t, v)
			c := newCrasher(t, s, h)
			c.afterChunks(t)
			c.rounds(t)
			c.split(t)
		})
	}
	eachRealSource(t, func(t *testing.T, s source) {
		c := newCrasher(t, s, nil)
		c.afterChunks(t)
		c.rounds(t)
	})
}

// A crasher dumps one source again and again.
type crasher struct {
	s        source
	bucket   *s3server.Server // nil: into a directory
	hook     *hook            // nil: of a real Pika
	rng      *rand.Rand
	want     contents
	quiet    *outcome // of a dump that was not disturbed
	code     int      // its exit code
	chunks   int      // how many it has
	took     time.Duration
	commands int64   // how many it needed
	locked   *locked // nil: dumps are not encrypted
}

func newCrasher(t *testing.T, s source, h *hook) *crasher { return newCrasherInto(t, s, h, nil) }

// newCrasherInto makes a crasher whose dumps go into a bucket of a server, on whose disk they are a
// directory as they would be otherwise.
func newCrasherInto(t *testing.T, s source, h *hook, bucket *s3server.Server) *crasher {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &crasher{s: s, bucket: bucket, hook: h, rng: rand.New(rand.NewPCG(seed, 0)), want: fillCrash(t, s)}
	var commands atomic.Int64
	if h != nil {
		h.set(func([][]byte) { commands.Add(1) })
		defer h.set(nil)
	}
	tool(t, "pikadump") // to build it is not part of a run
	dir := c.place(t, "dump")
	begun := time.Now()
	c.code = c.run(t, dir, "--threads", "2")
	c.took = time.Since(begun)
	if c.code != 0 && c.code != 3 {
		t.Fatalf("exit code %d of a dump that was not disturbed", c.code)
	}
	c.commands = commands.Load()
	c.chunks = len(chunkFiles(t, dir))
	c.quiet = readOutcome(t, dir)
	c.want.mustEqual(t, readContents(t, dir))
	for _, typ := range []format.Type{format.TypeList, format.TypeHash} {
		if n := c.quiet.openChunks(typ); n < 2 {
			t.Errorf("%d chunks end inside the large %s: too few for this test", n, typ)
		}
	}
	t.Logf("a dump takes %v, %d commands, %d chunks", c.took.Round(time.Millisecond), c.commands, c.chunks)
	return c
}

// place returns the directory in which a dump will be.
func (c *crasher) place(t *testing.T, name string) string {
	if c.bucket != nil {
		return c.bucket.Dir(name)
	}
	return filepath.Join(t.TempDir(), name)
}

// location returns what --out and --in are for a directory of place.
func (c *crasher) location(dir string) string {
	if c.bucket != nil {
		return c.bucket.URL(filepath.Base(dir))
	}
	return dir
}

// rounds kills dumps at random moments.
func (c *crasher) rounds(t *testing.T) {
	n, until := crashRounds, soaking(t)
	if !c.plain() {
		n = 5
	}
	if testing.Short() {
		n = 3
	}
	done, kills := 0, 0
	for ; done < n || time.Now().Before(until); done++ {
		dir := c.place(t, fmt.Sprint("dump", done))
		var flags []string
		for range 1 + c.rng.IntN(4) {
			code, how := c.runKilled(t, dir, c.moment(), append(flags, "--threads", fmt.Sprint(1+c.rng.IntN(12)))...)
			flags = []string{"--resume"}
			if code != -1 {
				c.mustEnd(t, code, how)
				break
			}
			kills++
		}
		c.finish(t, dir)
		if t.Failed() {
			t.Fatalf("round %d of %s", done, dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rounds, %d runs killed", done, kills)
}

// split dumps a source that is so slow that workers without a pass split those of others.
func (c *crasher) split(t *testing.T) {
	c.hook.splits.Store(0)
	c.hook.set(func(args [][]byte) {
		if strings.EqualFold(string(args[0]), "PKSCANRANGE") {
			time.Sleep(20 * time.Millisecond)
		}
	})
	dir := c.place(t, "split")
	code := c.run(t, dir, "--threads", "8")
	c.hook.set(nil)
	c.mustEnd(t, code, "slow source")
	c.check(t, dir)
	if c.hook.splits.Load() == 0 {
		t.Error("no pass was split")
	}
}

// plain reports whether dumps are usual ones: where they lie, and whether they are encrypted,
// changes little of what a kill can do, and they are killed less often.
func (c *crasher) plain() bool { return c.bucket == nil && c.locked == nil }

// afterChunks kills a dump when its first chunk is there, resumes it and kills it when there
// are two, and so on.
func (c *crasher) afterChunks(t *testing.T) {
	dir := c.place(t, "after-chunks")
	step := 1
	if !c.plain() {
		step = 4
	}
	for n := 1; ; n += step {
		code, how := c.runKilled(t, dir, moment{chunks: n}, "--resume", "--threads", "3")
		if code != -1 {
			c.mustEnd(t, code, how)
			t.Logf("killed after each of %d chunks, in steps of %d", n-step, step)
			break
		}
	}
	c.finish(t, dir)
}

// finish resumes a dump to its end and checks it.
func (c *crasher) finish(t *testing.T, dir string) {
	t.Helper()
	if code, stderr := c.start(t, dir, "--resume", "--threads", "4").wait(t); code != c.code {
		t.Fatalf("exit code %d, want %d\n%s", code, c.code, stderr)
	}
	c.check(t, dir)
}

func (c *crasher) mustEnd(t *testing.T, code int, how string) {
	t.Helper()
	if code != c.code {
		t.Fatalf("exit code %d (%s), want %d", code, how, c.code)
	}
}

// check compares a finished dump with the source, and with the dump that was not disturbed.
func (c *crasher) check(t *testing.T, dir string) {
	t.Helper()
	if c.locked != nil {
		mustRun(t, 0, "kvload", "check", "--quiet", dir)
	}
	opened := c.locked.open(t, dir)
	c.want.mustEqual(t, readContents(t, opened))
	c.quiet.mustEqual(t, readOutcome(t, opened))
	for _, name := range allFiles(t, dir) {
		if strings.HasPrefix(filepath.Base(name), ".") {
			t.Errorf("%s is left over", name)
		}
	}
}

// A moment is when a run is killed: the first of these.
type moment struct {
	after    time.Duration // 0: not by the clock
	chunks   int           // when there are so many chunks; 0: not by chunks
	commands int64         // before the source runs its so manieth command; 0: not by commands
}

func (c *crasher) moment() moment {
	switch n := c.rng.IntN(3); {
	case n == 0 && c.hook != nil:
		return moment{commands: 1 + c.rng.Int64N(c.commands)}
	case n == 1:
		return moment{chunks: 1 + c.rng.IntN(c.chunks)}
	}
	return moment{after: 1 + time.Duration(c.rng.Int64N(int64(c.took)))}
}

func (c *crasher) args(dir string, flags []string) []string {
	if !slices.Contains(flags, "--uri") {
		flags = append([]string{"--uri", "redis://" + c.s.addr}, flags...)
	}
	return append([]string{"dump", "--quiet", "--out", c.location(dir),
		"--chunk-size", "64KiB", "--reply-size", "64KiB", "--page-keys", "32", "--split-keys", "50"}, append(c.locked.flags(), flags...)...)
}

// run runs pikadump to its end and returns its exit code.
func (c *crasher) run(t *testing.T, dir string, flags ...string) int {
	t.Helper()
	code, _ := c.start(t, dir, flags...).wait(t)
	return code
}

// runKilled runs pikadump and kills it. The exit code is -1 if it was killed before its end.
func (c *crasher) runKilled(t *testing.T, dir string, m moment, flags ...string) (code int, how string) {
	t.Helper()
	var p *process
	started := make(chan struct{})
	if m.commands > 0 {
		var seen atomic.Int64
		c.hook.set(func([][]byte) {
			if seen.Add(1) >= m.commands {
				<-started
				p.kill()
			}
		})
		defer c.hook.set(nil)
	}
	p = c.start(t, dir, flags...)
	close(started)
	if m.after > 0 {
		defer time.AfterFunc(m.after, p.kill).Stop()
	}
	ended := make(chan struct{})
	var watch sync.WaitGroup
	if m.chunks > 0 {
		watch.Go(func() {
			for len(glob(dir)) < m.chunks {
				select {
				case <-ended:
					return
				case <-time.After(time.Millisecond / 2):
				}
			}
			p.kill()
		})
	}
	code, stderr := p.wait(t)
	close(ended)
	watch.Wait()
	return code, fmt.Sprintf("%+v, %s", m, stderr)
}

func (c *crasher) start(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	return start(t, "pikadump", c.args(dir, flags)...)
}

// glob returns the paths of the chunks that are there now.
func glob(dir string) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "chunks", "*", "*", "[0-9]*.mpz*")) // the pattern is right
	return paths
}

// chunkFiles returns the chunks of a dump, the newest last.
func chunkFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths := glob(dir)
	times := map[string]time.Time{}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		times[p] = st.ModTime()
	}
	slices.SortFunc(paths, func(a, b string) int { return times[a].Compare(times[b]) })
	return paths
}

// allFiles returns the names of all files of a dump, with those that begin with a dot.
func allFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(p, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
