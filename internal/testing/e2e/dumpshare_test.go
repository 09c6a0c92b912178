package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// dumpSharesOf is how many shares a dump has here.
const dumpSharesOf = 3

// TestDumpShares: three processes at once, one of them killed and begun again, write what one
// writes.
func TestDumpShares(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v), func(t *testing.T) {
			s, h := simulateCrash(t, v)
			c := newCrasher(t, s, h)
			c.shares(t)
			c.sharesLeft(t)
		})
	}
	eachRealSource(t, func(t *testing.T, s source) {
		c := newCrasher(t, s, nil)
		c.shares(t)
		c.sharesLeft(t)
	})
}

// TestBucketDumpShares is TestDumpShares with the dump in a bucket that is not at its best.
func TestBucketDumpShares(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasherInto(t, s, h, server)
	server.SetFault(faults(rand.New(rand.NewPCG(seed, 11)), 30))
	c.shares(t)
	c.sharesLeft(t)
}

// plan makes a plan of the shares.
func (c *crasher) plan(t *testing.T, shares int) string {
	t.Helper()
	r := mustRun(t, 0, "pikadump", "plan", "--uri", "redis://"+c.s.addr, "--json", "--shards", fmt.Sprint(shares))
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(path, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// share starts a share of a dump, slowly, so that it can be killed.
func (c *crasher) share(t *testing.T, dir, plan string, i int) *process {
	t.Helper()
	return c.start(t, dir, "--plan", plan, "--shard", fmt.Sprintf("%d/%d", i, dumpSharesOf), "--threads", "3", "--rate-keys", "300")
}

// chunksOf returns the chunks of a share.
func chunksOf(dir string, share int) []string {
	paths, _ := filepath.Glob(filepath.Join(dir, "chunks", "*", "*", fmt.Sprintf("1%03d??????.mpz", share))) // the pattern is right
	return paths
}

// shares dumps in shares at once, and kills one.
func (c *crasher) shares(t *testing.T) {
	plan, dir := c.plan(t, dumpSharesOf), c.place(t, "shares")
	all := []*process{c.share(t, dir, plan, 0), c.share(t, dir, plan, 1), c.share(t, dir, plan, 2)}
	waitFor(t, "a chunk of share 1", func() bool { return len(chunksOf(dir, 1)) > 1 })
	all[1].kill()
	if code, stderr := all[1].wait(t); code != -1 {
		t.Fatalf("share 1 has ended with %d before it was killed\n%s", code, stderr)
	}
	waitFor(t, "a chunk of share 0", func() bool { return len(chunksOf(dir, 0)) > 1 })
	// While the process of share 0 stands still, nobody else does what it does.
	if err := all[0].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.start(t, dir, "--resume").mustSay(t, 11, "another run is at work")
	c.share(t, dir, plan, 0).mustSay(t, 11, "another run is at work")
	c.start(t, dir).mustSay(t, 11, "another run is at work")
	if err := all[0].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	killed := len(chunksOf(dir, 1))
	all[1] = c.share(t, dir, plan, 1)
	for i, p := range all {
		code, stderr := p.wait(t)
		if code != 0 || !strings.Contains(stderr, fmt.Sprintf("shard %d/3 is done", i)) || i != 1 && strings.Contains(stderr, "resuming") {
			t.Fatalf("share %d, of which %d chunks were there: %d\n%s", i, killed, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, format.ManifestName)); err == nil {
		t.Error("a share finished the dump")
	}
	c.share(t, dir, c.plan(t, dumpSharesOf+1), 1).mustSay(t, 2, "contradict")
	c.share(t, dir, plan, 2).mustSay(t, 0, "shard 2/3 is done") // once more: nothing is left to be done
	c.finish(t, dir)
	for _, path := range glob(dir) {
		if len(filepath.Base(path)) != len("1000000001.mpz") {
			t.Errorf("%s was not written by a share", path)
		}
	}
	c.share(t, dir, plan, 2).mustSay(t, 0, "finished already")
	c.check(t, dir)
	c.nothingSince(t, dir)
}

// nothingSince makes a delta of a dump of the source as it is, which is killed once. Only what the
// dump could not read is looked at again.
func (c *crasher) nothingSince(t *testing.T, base string) {
	t.Helper()
	dir := c.place(t, "since")
	flags := []string{"--resume", "--base", c.location(base), "--threads", "3"}
	code, stderr := c.runKilled(t, dir, c.moment(), flags...)
	if code == -1 {
		code, stderr = c.start(t, dir, flags...).wait(t)
	}
	if code != 0 && code != 3 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	skipped := int64(len(readOutcome(t, base).skipped))
	for _, total := range inspect(t, dir).Totals {
		if total.Keys+total.Deleted > skipped {
			t.Errorf("nothing has changed: db%d %s has %d keys and %d deleted ones, and %d were skipped", total.DB, total.Type, total.Keys, total.Deleted, skipped)
		}
	}
}

// sharesLeft leaves one share undone, and another one that was killed, to the run that finishes the
// dump, which is killed as well.
func (c *crasher) sharesLeft(t *testing.T) {
	plan, dir := c.plan(t, dumpSharesOf), c.place(t, "shares-left")
	c.share(t, dir, plan, 2).mustSay(t, 0, "shard 2/3 is done")
	p := c.share(t, dir, plan, 0)
	waitFor(t, "a chunk of share 0", func() bool { return len(chunksOf(dir, 0)) > 0 })
	p.kill()
	_, _ = p.wait(t)
	n := len(glob(dir))
	if code, how := c.runKilled(t, dir, moment{chunks: n + 2}, "--resume"); code != -1 {
		c.mustEnd(t, code, how)
	} else {
		c.share(t, dir, plan, 0).mustSay(t, 5, "without --shard")
	}
	c.finish(t, dir)
}
