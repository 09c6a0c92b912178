package loadchain

import (
	"bytes"
	"fmt"
	"io"
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
	c.delta(smalldump.String("b", "2"))
	c.follow(false, 0, "delta 2: loaded 1 key")
	c.follow(false, 0, "nothing was sent")
	c.m.FlushAll()
	state := c.base.Dump + ".load/" + strings.ReplaceAll(c.m.Addr(), ":", "_")
	says := "Remove " + state + " and load the base from the beginning (kvload load --uri redis://" + c.m.Addr() + " --in " + c.base.Dump + "): all deltas are loaded anew behind it"
	c.follow(false, 5, says)
	c.delta(smalldump.String("c", "1"))
	c.follow(false, 5, says)
	c.holds("")
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	c.base.Resume = true
	c.load(c.base)
	c.follow(false, 0, "delta 1: ", "delta 2: ", "delta 3: loaded 1 key")
	c.holds("a=string b=string c=string")
}

// TestFollowLostBase: if the journal of the base is lost, however many deltas are loaded, nobody
// knows whether the target holds the base, unless it was loaded by others from the beginning.
func TestFollowLostBase(t *testing.T) {
	for deltas := 1; deltas < 4; deltas++ {
		for _, loaded := range []bool{false, true} {
			c := newChain(t, smalldump.String("a", "0"))
			c.load(c.base)
			lose := func() {
				if err := os.RemoveAll(c.base.Dump + ".load"); err != nil {
					t.Fatal(err)
				}
			}
			if c.base.BaseLoaded = loaded; loaded {
				lose()
			}
			for i := range deltas {
				c.delta(smalldump.String("b", fmt.Sprint(i)))
			}
			c.follow(false, 0)
			lose()
			c.base.BaseLoaded = false
			if !loaded {
				c.follow(false, 5, "holds no journal of a load of it", "load it first (kvload load", "--base-loaded if the target holds it")
				c.follow(true, 5, "holds no journal of a load of it")
			}
			c.base.BaseLoaded = true
			c.follow(false, 0, "nothing was sent")
		}
	}
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

// TestFollowRestored: nor does one that was restored to before deltas behind which an empty one was
// loaded. What later ones have deleted, or left out, is not missed.
func TestFollowRestored(t *testing.T) {
	c := newChain(t, thirty()...)
	c.load(c.base)
	c.delta(smalldump.String("n1", "1"), smalldump.String("n2", "1"), smalldump.String("n3", "1"), smalldump.String("n4", "1"))
	c.delta(smalldump.Deleted("n1"), hyperloglog("n2"))
	c.m.Del("n2")
	c.delta()
	c.follow(false, 3)
	c.m.Del("n2")
	c.follow(false, 3, "nothing was sent")
	c.m.Del("n3")
	c.m.Del("n4")
	for range 2 {
		c.follow(false, 4, "delta 1: ", "lacks 2 of 4 sampled keys", "kvload verify")
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
		s := c.follow(false, exitcode.LeftOut, "pikadump dump --base makes one")
		if next := strings.Join(s.Instead, " "); !strings.HasPrefix(next, "pikadump dump --uri redis://") || !strings.HasSuffix(next, " --base "+c.base.Dump+" --out "+archive.DeltaPath(c.dir, 2)) {
			t.Errorf("next %q", next)
		}
	}
	c.delta(smalldump.String("b", "1"))
	c.follow(false, 0, "delta 2: loaded 1 key")
}

// TestChainAsBase: a chain that is given as its own base is called one.
func TestChainAsBase(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	o := c.options()
	o.Base = o.Dump
	c.run(o, false, exitcode.Refused, "is a chain of deltas, and no full dump")
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

// TestBelowEmptied: a load of the base that runs again with --resume misses what the deltas behind
// it have not deleted, and calls no target that was emptied done.
func TestBelowEmptied(t *testing.T) {
	text := func(n int) format.Record { return smalldump.String(fmt.Sprintf("k%02d", n), "1") }
	gone := func(from, to int) (all []format.Record) {
		for i := from; i < to; i++ {
			all = append(all, smalldump.Deleted(fmt.Sprintf("k%02d", i)))
		}
		return all
	}
	empty := func(c *chain) { c.m.FlushAll() }
	others := func(c *chain) { c.m.FlushAll(); c.m.Set("of", "others") }
	hll := append(gone(0, 29), hyperloglog("k29"))
	for _, tc := range []struct {
		name   string
		deltas [][]format.Record
		since  func(*chain)
		code   int
		says   string
		noted  string
	}{
		{"others write, of many keys", [][]format.Record{{text(4), smalldump.Deleted("k05")}}, others, 5, "none of 29 sampled keys of database 0", ""},
		{"nothing", [][]format.Record{{text(4)}}, func(*chain) {}, 0, "", ""},
		{"emptied", [][]format.Record{{text(4)}}, empty, 5, "holds no key, but by the journal 30 keys were loaded: was it emptied? Remove ", ""},
		{"others write", [][]format.Record{{text(4)}}, others, 4, "lacks 30 of 30 sampled keys", ""},
		{"the deltas write", [][]format.Record{{smalldump.String("a", "1")}, {text(4)}}, func(c *chain) { c.m.FlushAll(); c.m.Set("a", "1"); c.m.Set("k04", "1") }, 4, "lacks 29 of 30 sampled keys", ""},
		{"one key is gone", [][]format.Record{{text(4)}}, func(c *chain) { c.m.Del("k05") }, 4, "lacks 1 of 30 sampled keys", ""},
		{"deleted by deltas", [][]format.Record{gone(0, 20), gone(20, 29)}, func(*chain) {}, 0, "", ""},
		{"deleted by deltas, and one key is gone", [][]format.Record{gone(0, 20), gone(20, 28)}, func(c *chain) { c.m.Del("k28") }, 4, "lacks 1 of 30", ""},
		{"deleted by deltas, and all is gone", [][]format.Record{gone(0, 5), {smalldump.Deleted("k05"), text(4)}}, empty, 5, "holds no key, but by the journal", ""},
		{"all is deleted by deltas", [][]format.Record{gone(0, 30)}, func(*chain) {}, 0, "", "holds no key: deltas that are loaded behind may have deleted them"},
		{"left out by deltas", [][]format.Record{hll}, func(*chain) {}, 0, "", ""},
		{"the deltas are not kept", [][]format.Record{gone(0, 10)}, func(c *chain) { os.RemoveAll(c.dir + "/000001") }, 0, "", "lacks 10 of 30 sampled keys, and whether deltas behind have deleted them is not known"},
		{"the deltas are not kept, and all is gone", [][]format.Record{gone(0, 10)}, func(c *chain) { os.RemoveAll(c.dir + "/000001"); others(c) }, 4, "lacks 30 of 30 sampled keys", "not known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newChain(t, thirty()...)
			if strings.HasSuffix(tc.name, "many keys") {
				c.base.Dump = smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20}, thirty())
				c.last = c.base.Dump
			}
			c.load(c.base)
			for _, d := range tc.deltas {
				c.delta(d...)
			}
			_ = Run(t.Context(), []load.Options{c.options()}, false, io.Discard, io.Discard)
			tc.since(c)
			for _, finish := range []bool{false, true} {
				o, log := c.base, &bytes.Buffer{}
				o.Resume, o.Summary = true, summary.New("test", "", "load")
				err := error(nil)
				if finish {
					err = load.Finish(t.Context(), load.FinishOptions{Spec: o.Spec}, log, log)
				} else {
					err = load.Run(t.Context(), o, log, log)
				}
				code := 0
				if err != nil {
					code = load.ExitCode(err)
				}
				if notes := strings.Join(o.Summary.Notes, "\n"); code != tc.code || !strings.Contains(fmt.Sprint(err), tc.says) || !strings.Contains(notes, tc.noted) {
					t.Errorf("finish %v: exit code %d, want %d with %q: %v\n%s\n%s", finish, code, tc.code, tc.says+tc.noted, err, log, notes)
				}
				if code == 4 && !strings.Contains(err.Error(), "--in "+c.dir+" --base "+c.base.Dump) {
					t.Errorf("it names no comparison of all: %v", err)
				}
			}
		})
	}
}
