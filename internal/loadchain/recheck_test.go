package loadchain

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// hyperloglog is a record that is left out.
func hyperloglog(key string) format.Record {
	r := smalldump.String(key, "any bytes")
	r.Kind = format.HyperLogLog
	return r
}

// TestFollowLeftOut: what deltas have left out counts in every run behind them, so that one that
// was stopped ends as one that was not.
func TestFollowLeftOut(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(hyperloglog("h"))
	c.delta(hyperloglog("i"), hyperloglog("j"))
	c.follow(false, 3, "delta 1: ", "delta 2: ")
	c.follow(false, 3, "nothing was sent", "3 keys: hyperloglog", "000002.load/", ", "+c.dir+"/000001.load/", "delta 2: ", "delta 1: ")
	c.delta(smalldump.String("a", "1"))
	s := c.follow(false, 3, "3 keys: hyperloglog")
	if s.Chain.Deltas != 1 || s.Keys != 1 {
		t.Errorf("%+v", s)
	}
	c.delta(smalldump.String("a", "2"))
	c.follow(false, 3, "3 keys: hyperloglog")
	c.holds("a=string")
}

// TestFollowEmptied: a target that was emptied does not hold what was loaded, whatever a journal
// says.
func TestFollowEmptied(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.String("a", "1"), smalldump.String("b", "1"))
	c.follow(false, 0)
	c.follow(false, 0, "nothing was sent")
	c.m.FlushAll()
	c.follow(false, 5, "")
	c.delta(smalldump.String("c", "1"))
	c.follow(false, 5, "")
	c.holds("")
}

// TestFollowStoppedBehind: behind a delta whose load was stopped, the one before it is not missed:
// its keys may be deleted by then.
func TestFollowStoppedBehind(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.String("b", "1"), smalldump.String("c", "1"), hyperloglog("h"))
	c.follow(false, 3)
	c.delta(smalldump.Deleted("b"), smalldump.Deleted("c"), smalldump.String("d", "2"))
	allow := c.refuse("SET")
	c.follow(false, 75, "No space left")
	c.holds("a=string")
	allow()
	s := c.follow(false, 3, "1 key: hyperloglog", "loaded 1 key")
	if s.Chain.Deltas != 1 || s.Keys != 1 {
		t.Errorf("%+v", s)
	}
	c.holds("a=string d=string")
}

// TestLoadedBelow: nor is what lies below deltas missed, by a job that runs again with --resume.
func TestLoadedBelow(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"), smalldump.String("b", "0"))
	c.load(c.base)
	c.delta(smalldump.Deleted("b"), smalldump.String("d", "1"))
	c.delta(smalldump.Deleted("d"))
	c.follow(false, 0)
	c.base.Resume = true
	c.load(c.base)
	c.holds("a=string")
}

// thirty are keys of a base.
func thirty() (base []format.Record) {
	for i := range 30 {
		base = append(base, smalldump.String(fmt.Sprintf("k%02d", i), "0"))
	}
	return base
}

// TestFollowEmptiedBelow: a target that was emptied behind a delta that only deletes does not hold
// what lies below. What that has deleted is not missed.
func TestFollowEmptiedBelow(t *testing.T) {
	c := newChain(t, thirty()...)
	c.load(c.base)
	c.delta(smalldump.Deleted("k01"))
	c.follow(false, 0)
	c.m.FlushAll()
	c.delta(smalldump.String("k04", "1"))
	c.follow(false, 4, "28 of 30 sampled keys", "kvload verify")
	c.follow(false, 4)
}

// TestFollowEmptiedMeanwhile: nor does one that was emptied while a delta was awaited. What deltas
// have deleted, left out or replaced is not missed.
func TestFollowEmptiedMeanwhile(t *testing.T) {
	for _, empty := range []bool{false, true} {
		c := newChain(t, thirty()...)
		c.load(c.base)
		c.delta(smalldump.Deleted("k01"), hyperloglog("k02"), smalldump.Hash("k03", "f", "v"))
		c.m.Del("k02") // a delta leaves it as it was; here it is not
		c.then = func() {
			if empty {
				c.m.FlushAll()
			}
			smalldump.LastDelta(t, archive.DeltaPath(c.dir, 2), c.last, []format.Record{smalldump.String("k04", "1")})
		}
		if empty {
			c.follow(true, 4, "27 of 30 sampled keys", "delta 2 is the last")
		} else {
			c.follow(true, 3, "delta 2 is the last")
		}
	}
}

// TestFollowLostJournal: a delta whose journal is lost is not loaded over those behind it.
func TestFollowLostJournal(t *testing.T) {
	for lost := range 4 {
		c := newChain(t, smalldump.String("a", "0"))
		c.load(c.base)
		for n := range 4 {
			c.delta(smalldump.String("a", fmt.Sprint(n+1)), smalldump.String("b", fmt.Sprint(n+1)))
		}
		c.follow(false, 0)
		if err := os.RemoveAll(archive.DeltaPath(c.dir, lost+1) + ".load"); err != nil {
			t.Fatal(err)
		}
		if lost < 3 {
			if lost == 2 { // the newest cannot know what it follows
				c.follow(false, 5, "holds no journal")
			} else {
				c.follow(false, 0, "nothing was sent")
			}
			one := c.options()
			one.Dump = archive.DeltaPath(c.dir, lost+1)
			var log bytes.Buffer
			if err := load.Run(t.Context(), one, &log, &log); load.ExitCode(err) != exitcode.Refused || !strings.Contains(fmt.Sprint(err)+log.String(), "was loaded behind this one") {
				t.Errorf("delta %d alone: %v\n%s", lost+1, err, &log)
			}
		} else {
			c.follow(false, 0, "delta 4: loaded 2 keys") // as nothing is behind it
		}
		for _, k := range []string{"a", "b"} {
			if v, _ := c.m.Get(k); v != "4" {
				t.Errorf("without the journal of delta %d: %s is %s", lost+1, k, v)
			}
		}
	}
}

// TestFollowRestarted: a source that was restarted while it was followed may hold what no delta
// has. Every run says so, in its exit code, too, until a comparison of the source is behind it.
func TestFollowRestarted(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	dir := archive.DeltaPath(c.dir, 1)
	smalldump.DeltaWith(t, dir, c.last, func(d *format.Delta) { d.Last, d.Restarted = true, true }, []format.Record{smalldump.String("a", "1")})
	c.n, c.last = 1, dir
	for range 2 {
		c.follow(false, exitcode.LeftOut, "pikadump dump --base makes one")
	}
	c.delta(smalldump.String("b", "1"))
	c.follow(false, 0, "delta 2: loaded 1 key")
}

// TestFollowLacks: what the deltas themselves list as skipped is said in every run, and by a
// comparison.
func TestFollowLacks(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.Skipped("h"), smalldump.String("a", "1"))
	const lacks = "lacks 1 key of the source, or a part or the expiry of each (1 gone): see "
	c.follow(false, 0, "warning: what is loaded "+lacks, "warning: the chain up to delta 1 "+lacks, "000001/skipped.jsonl")
	c.delta(smalldump.String("a", "2"))
	for range 2 {
		c.follow(false, 0, "warning: the chain up to delta 2 "+lacks, "000001/skipped.jsonl; what a later delta has is not missing")
	}
	s := c.options().Spec
	s.Summary = summary.New("test", "", "verify")
	var log strings.Builder
	a, _, _, _, err := Open(t.Context(), &s, &log)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	if text := strings.Join(s.Summary.Notes, "\n"); !strings.Contains(log.String(), lacks) || !strings.Contains(text, "the chain up to delta 2 "+lacks) {
		t.Errorf("%s%s", log.String(), text)
	}
}
