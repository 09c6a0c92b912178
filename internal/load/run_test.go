package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func startTarget(t *testing.T) *miniredis.Miniredis {
	t.Helper()
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// answer lets a target answer a command otherwise; false: as it does.
func answer(m *miniredis.Miniredis, command string, with func(c *server.Peer, args []string) bool) {
	hook := minitarget.Hook()
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		probe := len(args) > 0 && strings.HasPrefix(args[0], "kvload-probe-")
		return cmd == command && !probe && with(c, args) || hook(c, cmd, args...)
	})
}

var three = []format.Record{smalldump.String("a", "1"), smalldump.String("b", "2"), smalldump.Hash("h", "f", "v")}

// options are those of a plain load with one connection.
func options(t *testing.T, addr string, records []format.Record) Options {
	t.Helper()
	return Options{Spec: Spec{
		Dump: smalldump.Make(t, smalldump.Options{}, records), Target: writer.Options{Target: target.Options{Addr: addr}}, Workers: 1,
		Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}, MaxErrors: -1}
}

// run runs a load, and returns what it said.
func run(t *testing.T, o Options) (log string, err error) {
	t.Helper()
	var out, text bytes.Buffer
	o.Summary = summary.New("test", "", "load")
	err = Run(t.Context(), o, &out, &text)
	o.Summary.End(err, ExitCode(err))
	return text.String() + out.String() + o.Summary.String(), err
}

// wants checks the exit code of a load and what it said.
func wants(t *testing.T, log string, err error, code int, says ...string) {
	t.Helper()
	got := exitcode.Done
	if err != nil {
		got, log = ExitCode(err), log+err.Error()
	}
	if got != code {
		t.Errorf("exit code %d, want %d:\n%s", got, code, log)
	}
	for _, text := range says {
		if !strings.Contains(log, text) {
			t.Errorf("it does not say %q:\n%s", text, log)
		}
	}
}

// TestRun: a load writes all keys, and one that is resumed behind its end sends nothing.
func TestRun(t *testing.T) {
	m := startTarget(t)
	o := options(t, m.Addr(), three)
	log, err := run(t, o)
	wants(t, log, err, 0, "loaded 3 keys")
	if got := strings.Join(m.Keys(), " "); got != "a b h" {
		t.Errorf("the target has %s", got)
	}
	o.Resume = true
	log, err = run(t, o)
	wants(t, log, err, 0, "nothing is sent")
}

// TestDryRun: all that would stop the load is a check that failed, and nothing is written.
func TestDryRun(t *testing.T) {
	m := startTarget(t)
	m.Set("other", "1")
	o := options(t, m.Addr(), three)
	o.DryRun, o.Report = true, filepath.Join(t.TempDir(), "nosuch", "report")
	log, err := run(t, o)
	wants(t, log, err, 5, "FAILED   empty", "FAILED   report", "nothing was written", "2 checks of the dry run failed")
	if got := strings.Join(m.Keys(), " "); got != "other" {
		t.Errorf("the target has %s", got)
	}
	n, other := startTarget(t), o
	other.Target.Target.Addr = n.Addr()
	answer(n, "CLUSTER", func(c *server.Peer, _ []string) bool { c.WriteError("ERR"); return true }) // it would be the same one
	var several bytes.Buffer
	err = RunAll(t.Context(), []Options{o, other}, fullDisk{}, &several)
	wants(t, several.String(), err, 5, "2 of 2 targets did not end well", "disk full")
}

// A fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestUndo: what is overwritten is saved before anything is written, and the target is compared
// last.
func TestUndo(t *testing.T) {
	m := startTarget(t)
	m.Set("a", "old")
	o := options(t, m.Addr(), three)
	o.Target.OnExists, o.Undo, o.Tool = writer.Replace, filepath.Join(t.TempDir(), "undo"), "test"
	compared := false
	o.Verify = func(_ context.Context, s Spec, _ *archive.Archive, _ *rewrite.Rules, left func() (io.ReadCloser, error), _, _ io.Writer) error {
		if v, _ := m.Get("a"); v != "1" || s.ID == "" || s.Target.Target.Keyspaces == nil || left != nil {
			t.Errorf("a is %q; %+v, what was left out: %v", v, s, left != nil)
		}
		compared = true
		return nil
	}
	log, err := run(t, o)
	wants(t, log, err, 0, "saved 1 key that will be overwritten")
	if !compared {
		t.Error("it was not compared")
	}
	saved, err := archive.Open(t.Context(), o.Undo, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	if err := saved.Find(0, []byte("a"), func(r *format.Record) error {
		if string(r.Value) != "old" {
			t.Errorf("saved is %q", r.Value)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestUndoFails: when what is overwritten cannot be saved nothing is written, and the advice is not
// to resume: the next run saves it anew.
func TestUndoFails(t *testing.T) {
	m := startTarget(t)
	m.Set("a", "old")
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if (cmd == "GET" || cmd == "GETRANGE") && args[0] == "a" {
			p.WriteError("ERR it cannot be read")
			return true
		}
		return answer(p, cmd, args...)
	})
	o := options(t, m.Addr(), three)
	o.Target.OnExists, o.Undo, o.Tool = writer.Replace, filepath.Join(t.TempDir(), "undo"), "test"
	log, err := run(t, o)
	wants(t, log, err, exitcode.Of(err, ExitCode), "cannot be read", "nothing was written to the target; the next attempt saves it anew in "+o.Undo)
	if err == nil || exitcode.IsResumable(err) || strings.Contains(err.Error(), "--resume") {
		t.Errorf("it can be resumed: %v", err)
	}
	if v, _ := m.Get("a"); v != "old" || len(m.Keys()) != 1 {
		t.Errorf("the target has %v, a is %q", m.Keys(), v)
	}
	m.Server().SetPreHook(answer)
	log, err = run(t, o)
	wants(t, log, err, 0, o.Undo+" holds what a run that was stopped has saved", "saved 1 key")
}

// TestStalled: a run in which nothing moves ends and says where it was.
func TestStalled(t *testing.T) {
	p, err := faultproxy.Start(startTarget(t).Addr(), func(n int) faultproxy.Plan {
		if n < 7 { // those of the start
			return faultproxy.Plan{}
		}
		return faultproxy.Plan{StallAfter: 1}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := options(t, p.Addr(), three)
	o.StallTimeout = 200 * time.Millisecond
	log, err := run(t, o)
	wants(t, log, err, 75, "makes no progress", "worker 1: after record 0 of chunks/db0/", "--resume")
}

// TestStalledNot: to wait before the next attempt, longer than StallTimeout, is no stall.
func TestStalledNot(t *testing.T) {
	p, err := faultproxy.Start(startTarget(t).Addr(), func(n int) faultproxy.Plan {
		if n < 7 || n > 12 {
			return faultproxy.Plan{}
		}
		return faultproxy.Plan{ResetAfter: 1}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := options(t, p.Addr(), three)
	o.StallTimeout, o.RetryFor = time.Second, time.Minute
	log, err := run(t, o)
	wants(t, log, err, 0, "trying again in 1.6s")
}

// TestMaxErrors: what is refused is listed, up to a limit.
func TestMaxErrors(t *testing.T) {
	m := startTarget(t)
	answer(m, "HSET", func(c *server.Peer, _ []string) bool {
		c.WriteError("ERR Operation aborted: Memory limit reached")
		return true
	})
	o := options(t, m.Addr(), []format.Record{smalldump.Hash("g", "f", "v"), smalldump.Hash("h", "f", "v"), smalldump.Hash("i", "f", "v")})
	o.MaxErrors = 1
	log, err := run(t, o)
	wants(t, log, err, 1, "refuses too much", "2 keys and members", "--max-errors 1")
	if !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	o.MaxErrors, o.Resume = -1, true
	log, err = run(t, o)
	wants(t, log, err, 3, "3 refused")
}

// TestHyperLogLog: what a load leaves out of a dump that seems to hold only strings is said once,
// and at once.
func TestHyperLogLog(t *testing.T) {
	hll := func(key string) format.Record {
		return format.Record{Kind: format.HyperLogLog, Key: []byte(key), Part: format.PartWhole, Value: []byte("registers")}
	}
	o := options(t, startTarget(t).Addr(), []format.Record{smalldump.String("a", "1"), hll("b"), hll("c")})
	log, err := run(t, o)
	wants(t, log, err, 3, "warning: the dump has hyperloglogs", "2 hyperloglog")
	if strings.Count(log, "warning: the dump has") != 1 {
		t.Error(log)
	}
}

// TestThrottle: a load is as slow as it is told to be.
func TestThrottle(t *testing.T) {
	var texts []format.Record
	for _, key := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		texts = append(texts, smalldump.String(key, strings.Repeat("x", 100)))
	}
	for _, l := range []pace.Limits{{Keys: 20}, {Bytes: 2 << 10, LatencyFactor: 1000}} {
		m := startTarget(t)
		o := options(t, m.Addr(), texts)
		o.Limits = l
		start := time.Now()
		if log, err := run(t, o); err != nil || len(m.Keys()) != len(texts) {
			t.Errorf("%+v: %d keys, %v\n%s", l, len(m.Keys()), err, log)
		}
		if took := time.Since(start); took < 800*time.Millisecond { // a bucket holds what a quarter of a second allows
			t.Errorf("%+v: it took %v", l, took)
		}
	}
}

// TestSameServer: two addresses of one server are not loaded at once.
func TestSameServer(t *testing.T) {
	m := startTarget(t)
	one := options(t, m.Addr(), three)
	two := one
	two.Target.Target.Addr = strings.Replace(m.Addr(), "127.0.0.1", "localhost", 1)
	var log bytes.Buffer
	err := RunAll(t.Context(), []Options{one, two}, io.Discard, &log)
	wants(t, log.String(), err, 5, "are the same server")
	if len(m.Keys()) > 0 {
		t.Error("something was loaded")
	}
}

// TestSeveral: what fails at one target does not stop the others, and the worst error is returned.
func TestSeveral(t *testing.T) {
	ends := []error{nil, &exitcode.LeftOutError{Text: "left out"}, exitcode.ErrRefused, ErrStalled}
	var log bytes.Buffer
	addrs, m := []string{"a:1", "b:1", "c:1", "d:1"}, progress.NewMeter()
	all := summary.New("test", "", "load")
	var targets []Options
	for _, addr := range addrs {
		o := Options{Spec: Spec{Meter: m, Summary: all}}
		o.Target.Target.Addr = addr
		targets = append(targets, o)
	}
	err := Several(t.Context(), targets, "load", &log, func(i int, _ Options, log io.Writer) error {
		m.Part(progress.Name{Target: addrs[i]}).Expect(10)
		m.Part(progress.Name{Target: addrs[i]}).Add(1, 1, 5)
		io.WriteString(log, "half a ")
		io.WriteString(log, "line\n")
		return ends[i]
	})
	wants(t, log.String(), err, 5, "a:1: half a line\n", "a:1: done", "b:1: exit code 3", "c:1: exit code 5", "d:1: exit code 75", "3 of 4 targets did not end well; c:1: refused")
	err = Several(t.Context(), targets[:2], "load", &log, func(int, Options, io.Writer) error { return ends[1] })
	wants(t, log.String(), err, 3, "2 of 2 targets ended with exit code 3; a:1: left out")
	for i, result := range []string{summary.Done, summary.Left, summary.Refused, summary.Stopped} {
		if s := all.Targets[i]; s.Target != addrs[i] || s.Result != result {
			t.Errorf("%s: %s, want %s of %s", s.Target, s.Result, result, addrs[i])
		}
	}
	if rank(exitcode.Failed) >= rank(exitcode.Refused) || rank(exitcode.Refused) >= rank(exitcode.TryAgain) || rank(99) >= rank(exitcode.Interrupted) {
		t.Error("what the user has to look into is worse than what goes away by itself, and what nobody knows is worse than all")
	}
}

// TestComparingIsShown: while what was loaded into one of several targets is compared, the lines of
// progress, which are of the loads, say so.
func TestComparingIsShown(t *testing.T) {
	o := options(t, startTarget(t).Addr(), []format.Record{smalldump.String("a", "1")})
	o.Meter = progress.NewMeter()
	var during string
	o.Verify = func(context.Context, Spec, *archive.Archive, *rewrite.Rules, func() (io.ReadCloser, error), io.Writer, io.Writer) error {
		during = progress.Line(o.Meter.Snapshot())
		return nil
	}
	defer o.Meter.Begin("load", 1)()
	o.Shared = true
	log, err := run(t, o)
	wants(t, log, err, 0, "loaded 1 key\n")
	if !strings.Contains(during, "waits: comparing what was loaded") {
		t.Error(during)
	}
}

// TestMeter: what was loaded is counted by type, also by an earlier run, and all bytes of the dump.
func TestMeter(t *testing.T) {
	m := startTarget(t)
	var refuse atomic.Bool
	refuse.Store(true)
	answer(m, "HSET", func(c *server.Peer, _ []string) bool {
		if refuse.Load() {
			c.WriteError("ERR Operation aborted: Memory limit reached")
		}
		return refuse.Load()
	})
	o := options(t, m.Addr(), append([]format.Record{smalldump.Hash("g", "f", strings.Repeat("x", 100))}, three...))
	o.MaxErrors, o.Meter = 0, progress.NewMeter()
	log, err := run(t, o)
	wants(t, log, err, 1)
	refuse.Store(false)
	o.MaxErrors, o.Resume = -1, true
	log, err = run(t, o)
	wants(t, log, err, 3, "1 refused")
	s := o.Meter.Snapshot()
	if s.Total.Keys < 3 || len(s.Parts) != 2 || s.Parts[0].Type != "string" || !s.Ended || s.Phase != "load" {
		t.Errorf("%+v", s)
	}
	for _, p := range s.Parts {
		if p.Work != p.Whole || p.Whole == 0 || p.Keys == 0 || p.Bytes == 0 || p.State != progress.Done || p.Target != m.Addr() {
			t.Errorf("%+v", p)
		}
	}
}

// TestObserve: how a target fares is asked for while a load runs, and that it refuses is shown.
func TestObserve(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		m := startTarget(t)
		l, err := target.Open(t.Context(), target.Options{Addr: m.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		answer(m, "INFO", func(c *server.Peer, _ []string) bool {
			if refuses {
				c.WriteError("NOPERM no")
			} else {
				c.WriteBulk("instantaneous_ops_per_sec:5\r\n")
			}
			return true
		})
		meter := progress.NewMeter()
		end := meter.Begin("load", 1)
		over := meter.Observe(t.Context(), func(ctx context.Context) { Observe(ctx, meter, l) })
		var one progress.Server
		for one.Ops == nil && one.Refused == "" {
			time.Sleep(time.Millisecond)
			for _, one = range meter.Snapshot().Servers {
			}
		}
		over()
		end()
		if strings.Contains(one.Refused, "NOPERM") != refuses || one.Role != progress.Target || one.Addr != m.Addr() {
			t.Errorf("refuses %v: %+v", refuses, one)
		}
	}
}

// TestFinish: a load is ended when all its shards are done, and not before.
func TestFinish(t *testing.T) {
	m := startTarget(t)
	o := options(t, m.Addr(), three)
	for i, says := range []string{"", "1 of 2 shards", ""} {
		if i > 0 {
			one := o
			one.Shard.Index, one.Shard.Of = i-1, 2
			if log, err := run(t, one); err != nil {
				t.Fatal(log, err)
			}
		}
		log, err := runFinish(t, o)
		switch {
		case i == 0: // nothing is there
			wants(t, log, err, 75, "holds no journal")
		case says != "":
			wants(t, log, err, 75, says)
		default:
			wants(t, log, err, 0, "all 2 shards are done", "loaded 3 keys")
		}
	}
	m.Del("h")
	log, err := runFinish(t, o)
	wants(t, log, err, 4, "lacks 1 of 2 sampled keys that were loaded", "kvload verify")
	m.FlushAll()
	log, err = runFinish(t, o)
	wants(t, log, err, 5, "was it emptied?")
}

// TestShowCheck: on a terminal a check of a dry run is broken between words, below where it began.
func TestShowCheck(t *testing.T) {
	c := preflight.Check{Name: "empty", Level: preflight.Failed, Found: "the target holds 3 keys already", Advice: "load into an empty namespace"}
	for width, want := range map[int]string{
		math.MaxInt: "FAILED   empty          the target holds 3 keys already\n                        -> load into an empty namespace\n",
		45:          "FAILED   empty          the target holds 3\n                        keys already\n                        -> load into an empty\n                           namespace\n",
	} {
		var b strings.Builder
		if showCheck(&b, c, width); b.String() != want {
			t.Errorf("%d columns:\n%s\nwant\n%s", width, b.String(), want)
		}
	}
}
