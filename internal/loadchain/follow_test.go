package loadchain

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A chain is a base, loaded into a target, with deltas, in a test.
type chain struct {
	*testing.T
	m    *miniredis.Miniredis
	base load.Options
	dir  string
	last string // the delta, or base, that was made last
	n    int
	then func() // is called when the first delta is loaded, before another is looked for; nil: nothing
}

func newChain(t *testing.T, records ...format.Record) *chain {
	t.Helper()
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	o := load.Options{Spec: load.Spec{
		Dump: smalldump.Make(t, smalldump.Options{}, records), Workers: 1,
		Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}, MaxErrors: -1}
	o.Target.Target.Addr = m.Addr()
	return &chain{t, m, o, filepath.Join(t.TempDir(), "chain"), o.Dump, 0, nil}
}

// load loads the base.
func (c *chain) load(o load.Options) {
	c.Helper()
	var log bytes.Buffer
	if err := load.Run(c.Context(), o, &log, &log); err != nil {
		c.Fatal(err, log.String())
	}
}

// delta makes the next delta.
func (c *chain) delta(records ...format.Record) {
	c.Helper()
	c.n++
	dir := archive.DeltaPath(c.dir, c.n)
	slices.SortStableFunc(records, func(x, y format.Record) int { return bytes.Compare(x.Key, y.Key) })
	smalldump.Delta(c.T, dir, c.last, records)
	c.last = dir
}

// options are those with which the chain is followed.
func (c *chain) options() load.Options {
	o := c.base
	o.Base, o.Dump = c.base.Dump, c.dir
	return o
}

// run follows the chain, and wants that to end so.
func (c *chain) run(o load.Options, wait bool, code int, says ...string) *summary.Summary {
	c.Helper()
	var out, text bytes.Buffer
	o.Summary = summary.New("test", "", "follow")
	log := io.MultiWriter(&text, &logging.Lines{Each: func(line []byte) error {
		if c.then != nil && strings.HasPrefix(string(line), "delta 1: loaded") {
			c.then()
		}
		return nil
	}})
	err := Run(c.Context(), []load.Options{o}, wait, &out, log)
	got := exitcode.Done
	if err != nil {
		got = load.ExitCode(err)
		fmt.Fprintln(&text, err)
	}
	o.Summary.End(err, got)
	all := text.String() + out.String() + o.Summary.String()
	if got != code {
		c.Errorf("exit code %d, want %d:\n%s", got, code, all)
	}
	for _, says := range says {
		if !strings.Contains(all, says) {
			c.Errorf("it does not say %q:\n%s", says, all)
		}
	}
	return o.Summary
}

func (c *chain) follow(wait bool, code int, says ...string) *summary.Summary {
	c.Helper()
	return c.run(c.options(), wait, code, says...)
}

// holds checks names and types of the target.
func (c *chain) holds(want string) {
	c.Helper()
	var got []string
	for _, k := range c.m.Keys() {
		got = append(got, k+"="+c.m.Type(k))
	}
	slices.Sort(got)
	if all := strings.Join(got, " "); all != want {
		c.Errorf("the target holds %s, want %s", all, want)
	}
}

// refuse has the target refuse a command until again is called.
func (c *chain) refuse(command string) (again func()) {
	hook := minitarget.Hook()
	c.m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == command && !strings.HasPrefix(args[0], "kvload-probe-") {
			p.WriteError("ERR IO error: No space left on device")
			return true
		}
		return hook(p, cmd, args...)
	})
	return func() { c.m.Server().SetPreHook(minitarget.Hook()) }
}

// TestFollow: the deltas of a chain are loaded behind the last that is loaded, those that come
// while it runs, too, up to the one that is the last.
func TestFollow(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	o := c.options()
	o.Base = ""
	c.run(o, true, 5, "has no delta yet: say with --base")
	c.delta(smalldump.String("a", "1"))
	c.follow(false, 5, "load it first (kvload load --uri redis://"+c.m.Addr()+" --in "+c.base.Dump+")")
	o = c.options()
	o.Base, o.State = "", t.TempDir()
	c.run(o, false, 5, "load it first (kvload load --uri redis://"+c.m.Addr()+" --in BASE)")
	c.load(c.base)
	for i := 2; i < 6; i++ {
		c.delta(smalldump.String("a", fmt.Sprint(i)), smalldump.String(fmt.Sprint("k", i), "1"))
	}
	if s := c.follow(false, 0, "delta 5: "); s.Chain.Deltas != 5 || s.Chain.Number != 5 || s.Keys != 9 || s.Chain.LagSeconds < 0 {
		t.Errorf("%+v %+v", s, s.Chain)
	}
	if s := c.follow(false, 0, "delta 5 was loaded before: nothing is sent", "\nloaded before: 2 keys\n", "made no delta", "nothing was sent"); s.Chain.Deltas != 0 || s.Chain.Number != 5 {
		t.Errorf("%+v", s.Chain)
	}
	go func() {
		time.Sleep(300 * time.Millisecond) // most of the time it waits by then
		c.delta(smalldump.Deleted("k5"))
		smalldump.LastDelta(t, filepath.Join(c.dir, "000007"), c.last, []format.Record{smalldump.Deleted("k4")})
	}()
	if s := c.follow(true, 0, "delta 7 is the last"); s.Chain.Deltas != 2 || s.Chain.LagSeconds != 0 {
		t.Errorf("%+v", s.Chain)
	}
	c.follow(true, 0, "nothing was sent")
	c.holds("a=string k2=string k3=string")
}

// TestRunOfDump: options that are for one load are refused.
func TestRunOfDump(t *testing.T) {
	for _, o := range []load.Options{{Tune: true}, {Report: "left-out.jsonl"}} {
		if err := Run(t.Context(), []load.Options{o}, false, io.Discard, io.Discard); load.ExitCode(err) != exitcode.Usage {
			t.Errorf("%v", err)
		}
	}
}

// TestFollowBehindLast: the source is followed again behind a delta that said that it is the last,
// as after a rehearsal. All that come behind it are loaded.
func TestFollowBehindLast(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	last := func(records ...format.Record) {
		c.n++
		dir := archive.DeltaPath(c.dir, c.n)
		smalldump.LastDelta(t, dir, c.last, records)
		c.last = dir
	}
	last(smalldump.String("a", "1"))
	c.follow(true, 0, "delta 1 is the last")
	c.delta(smalldump.String("b", "2"))
	last(smalldump.String("c", "3"))
	c.follow(false, 0, "delta 3 is the last")
	c.holds("a=string b=string c=string")
	c.delta(smalldump.Deleted("a"))
	last(smalldump.Deleted("b"))
	c.follow(true, 0, "delta 5 is the last")
	c.holds("c=string")

	unfinished := archive.DeltaPath(c.dir, 6)
	smalldump.LastDelta(t, unfinished, c.last, []format.Record{smalldump.Deleted("c")})
	manifest := filepath.Join(unfinished, format.ManifestName)
	if err := os.Rename(manifest, manifest+"-later"); err != nil {
		t.Fatal(err)
	}
	c.follow(false, 0, "nothing was sent")
	c.holds("c=string")
	go func() {
		time.Sleep(300 * time.Millisecond) // it waits by then, mostly
		os.Rename(manifest+"-later", manifest)
	}()
	c.follow(true, 0, "delta 6 is the last")
	c.holds("")
}

// TestFollowOutage: a target that cannot be reached when the next delta comes is tried again.
func TestFollowOutage(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	var away atomic.Int64 // connections that are reset
	p, err := faultproxy.Start(c.m.Addr(), func(int) (plan faultproxy.Plan) {
		if away.Add(-1) >= 0 {
			plan.ResetAfter = 1
		}
		return plan
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c.base.Target.Target.Addr, c.base.RetryFor = p.Addr(), time.Minute
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	away.Store(1)
	c.follow(true, 75, "connection reset") // who starts it sees at once that nobody is there
	c.then = func() {
		away.Store(3)
		smalldump.LastDelta(t, archive.DeltaPath(c.dir, 2), c.last, []format.Record{smalldump.String("b", "1")})
	}
	c.follow(true, 0, "delta 2 is the last")
	c.holds("a=string b=string")
	if away.Load() > 0 {
		t.Error("it was never away")
	}
}

// TestFollowAgain: behind a base that was loaded anew all deltas are loaded anew, in order; what
// was stopped is resumed.
func TestFollowAgain(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"), smalldump.String("b", "0"))
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	c.delta(smalldump.Deleted("b"), smalldump.Hash("h", "f", "v"))
	again := c.refuse("HSET")
	c.follow(false, 75, "delta 2: ", "No space left")
	c.holds("a=string")
	again()
	if s := c.follow(false, 0); s.Chain.Deltas != 1 {
		t.Errorf("%+v", s.Chain)
	}
	c.holds("a=string h=hash")
	anew := c.base
	anew.Target.OnExists = writer.Replace
	c.load(anew)
	c.holds("a=string b=string h=hash")
	if s := c.follow(false, 0); s.Chain.Deltas != 2 {
		t.Errorf("%+v", s.Chain)
	}
	c.holds("a=string h=hash")
	if a, _ := c.m.Get("a"); a != "1" {
		t.Errorf("a is %s", a)
	}
}

// TestFollowSeveral: each target goes on behind what is loaded there, one that fails does not stop
// the other, and what each delta takes away is saved.
func TestFollowSeveral(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	other, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	undo := t.TempDir()
	one := c.options()
	one.Undo, one.Tool = filepath.Join(undo, "one"), "test"
	two := one
	two.Target.Target.Addr, two.Undo = other.Addr(), filepath.Join(undo, "two")
	all := func(code int, says ...string) *summary.Summary {
		t.Helper()
		var log bytes.Buffer
		a, b := one, two
		a.Summary, a.Meter = summary.New("test", "", "follow"), progress.NewMeter()
		err := Run(t.Context(), []load.Options{a, b}, false, &log, &log)
		if got := load.ExitCode(err); err != nil && got != code || err == nil && code != 0 {
			t.Errorf("exit code %d, want %d: %v\n%s", got, code, err, &log)
		}
		for _, text := range says {
			if !strings.Contains(log.String(), text) {
				t.Errorf("it does not say %q:\n%s", text, &log)
			}
		}
		if s := a.Meter.Snapshot(); s.Lag == nil {
			t.Error("nothing is known of how far it is behind")
		}
		return a.Summary
	}
	all(5, other.Addr()+": ", "load it first", c.m.Addr()+": delta 1: loaded 1 key")
	base := c.base
	base.Target.Target.Addr = other.Addr()
	c.load(base)
	c.delta(smalldump.Deleted("a"))
	s := all(0)
	if len(s.Targets) != 2 || s.Targets[0].Chain.Deltas != 1 || s.Targets[1].Chain.Deltas != 2 || s.Targets[1].Deleted != 1 {
		t.Errorf("%+v", s.Targets)
	}
	for _, place := range []string{"one/000001", "one/000002", "two/000001", "two/000002"} {
		saved, err := archive.Open(t.Context(), filepath.Join(undo, place), 1)
		if err != nil {
			t.Fatal(err)
		}
		if saved.Manifest.Totals[0].Keys != 1 {
			t.Errorf("%s has %+v", place, saved.Manifest.Totals)
		}
		saved.Close()
	}
}

// TestFollowTTL: what goes by when a load began goes by when that of the base did, so that base and
// deltas are as one dump.
func TestFollowTTL(t *testing.T) {
	expires := func(key string, in time.Duration) format.Record {
		r := smalldump.String(key, "1")
		r.Expire = time.Now().Add(in).UnixMilli()
		return r
	}
	c := newChain(t, expires("a", time.Hour))
	c.base.Rewrite.TTL.Mode = rewrite.Shift
	c.load(c.base)
	shifted := c.m.TTL("a")
	c.delta(expires("a", time.Hour))
	c.follow(false, 0)
	if again := c.m.TTL("a"); again <= shifted-time.Hour || again > shifted+time.Minute {
		t.Errorf("it lives for %v, and for %v behind the base", again, shifted)
	}
	id, err := journal.ReadIdentity(archive.DeltaPath(c.dir, 1) + ".load/" + loadstate.TargetName(c.m.Addr()))
	base, berr := journal.ReadIdentity(c.base.Dump + ".load/" + loadstate.TargetName(c.m.Addr()))
	if err != nil || berr != nil || !id.Now.Equal(base.Now) || id.After == nil || id.After.Started.IsZero() {
		t.Errorf("%+v, %+v: %v, %v", id, base, err, berr)
	}
}

// TestFollowBucket: a chain in a bucket is followed, with the states of all loads in a place of the
// user's.
func TestFollowBucket(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	s3 := s3server.Start(t)
	c.dir, c.base.State = s3.URL("chain"), filepath.Join(t.TempDir(), "state")
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	c.follow(false, 0, "delta 1: loaded 1 key")
	c.delta(smalldump.Deleted("a"))
	if s := c.follow(false, 0, "delta 2: "); s.Chain.Deltas != 1 {
		t.Errorf("%+v", s.Chain)
	}
	c.holds("")
}

// TestOpenOneOfTwoDatabases: a chain of a source whose second database has no keys is compared
// without --map-db, as it was loaded.
func TestOpenOneOfTwoDatabases(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.base.Dump = smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "0")}, nil)
	c.last = c.base.Dump
	c.load(c.base)
	c.delta(smalldump.String("b", "1"))
	c.follow(false, 0)
	s := c.options().Spec
	s.Summary = summary.New("test", "", "verify")
	a, _, _, _, err := Open(t.Context(), &s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}

// TestKnownBeforeTheFirstDelta: the flags of the base's load are known while the chain has no delta
// yet, and while the base is still being loaded.
func TestKnownBeforeTheFirstDelta(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"), smalldump.Hash("h", "f", "v"))
	c.base.Rewrite.Prefix.Add = []byte("p:")
	known := func() bool {
		t.Helper()
		s := c.options().Spec
		deltas, where, id, err := Known(t.Context(), &s)
		if err != nil || deltas != (id != nil) || id != nil && (where == "" || !strings.Contains(fmt.Sprint(id.Settings), "p:")) {
			t.Fatalf("%v, %q, %+v, %v", deltas, where, id, err)
		}
		return id != nil
	}
	if known() {
		t.Error("before the base is loaded something is known")
	}
	again := c.refuse("HSET")
	var log bytes.Buffer
	if err := load.Run(t.Context(), c.base, &log, &log); err == nil {
		t.Fatal("the load of the base has ended")
	}
	if !known() {
		t.Error("nothing is known while the base is being loaded")
	}
	c.delta(smalldump.String("a", "1"))
	if !known() {
		t.Error("nothing is known of the first delta while the base is being loaded")
	}
	again()
	c.base.Resume = true
	c.load(c.base)
	if !known() {
		t.Error("nothing is known before the first delta is loaded")
	}
}
