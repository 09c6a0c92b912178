package loadchain

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// awaited follows the chain, and does something once the run waits.
func (c *chain) awaited(o load.Options, then func(stop context.CancelFunc)) (*summary.Summary, string, error) {
	c.Helper()
	o.Meter, o.Summary = progress.NewMeter(), summary.New("test", "", "follow")
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	var log bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, []load.Options{o}, true, &log, &log) }()
	for len(o.Meter.Snapshot().Waits) == 0 {
		select {
		case err := <-ended:
			return o.Summary, log.String(), err
		case <-time.After(time.Millisecond):
		}
	}
	then(stop)
	err := <-ended
	return o.Summary, log.String(), err
}

// TestFollowEarly: a chain of which nothing is there yet is followed from its first delta on, and a
// run that waits ends when it is told to.
func TestFollowEarly(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	s, log, err := c.awaited(c.options(), func(stop context.CancelFunc) { stop() })
	if says := "nothing is in " + c.dir + " yet: waiting for delta 1"; !errors.Is(err, context.Canceled) || s.Chain.Deltas != 0 || strings.Count(log, says) != 1 {
		t.Errorf("%v, %+v\n%s", err, s.Chain, log)
	}
	_, log, err = c.awaited(c.options(), func(context.CancelFunc) {
		c.delta(smalldump.String("a", "1"))
		smalldump.LastDelta(t, archive.DeltaPath(c.dir, 2), c.last, []format.Record{smalldump.Deleted("a")})
	})
	if err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	c.holds("")
}

// TestSwapped: where base and chain are exchanged, a run neither waits in a dump for deltas nor
// takes the base for all.
func TestSwapped(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.delta(smalldump.String("a", "1"))
	o := c.options()
	o.Dump, o.Base = o.Base, o.Dump
	_, log, err := c.awaited(o, func(context.CancelFunc) {})
	if says := o.Dump + " is a dump, and no chain of deltas"; !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v\n%s", err, log)
	}
	says := o.Dump + " is a full dump, which takes no --base"
	if err = load.Run(t.Context(), o, io.Discard, io.Discard); !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), says) {
		t.Error(err)
	}
	if _, _, err = o.Open(t.Context()); !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), says) {
		t.Error(err)
	}
	c.holds("")
}

// TestFollowSealed: a delta is not loaded before it is sealed, whatever of it is there.
func TestFollowSealed(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	smalldump.LastDelta(t, archive.DeltaPath(c.dir, 1), c.last, []format.Record{smalldump.Deleted("a")})
	manifest := filepath.Join(archive.DeltaPath(c.dir, 1), format.ManifestName)
	if err := os.Rename(manifest, manifest+".moved"); err != nil {
		t.Fatal(err)
	}
	_, log, err := c.awaited(c.options(), func(context.CancelFunc) {
		c.holds("a=string")
		if err := os.Rename(manifest+".moved", manifest); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	c.holds("")
}

// TestFollowDamaged: a delta that is damaged ends the run, which is told what to do, and goes on
// when it is fetched again.
func TestFollowDamaged(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	c.delta(smalldump.String("a", "1"))
	c.delta(smalldump.String("a", "2"), smalldump.String("b", "2"))
	chunks, err := filepath.Glob(filepath.Join(archive.DeltaPath(c.dir, 2), "chunks", "db0", "string", "*"))
	if err != nil || len(chunks) != 1 {
		t.Fatal(chunks, err)
	}
	path := chunks[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	for _, damaged := range [][]byte{bad, whole[:len(whole)/2]} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := c.follow(false, exitcode.Corrupt, "delta 2: ")
		if strings.Contains(s.Error, "--resume") {
			t.Errorf("kvload follow has no such flag: %s", s.Error)
		}
		if a, _ := c.m.Get("a"); a != "1" {
			t.Errorf("a is %s", a)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	c.follow(false, 0, "delta 2: ")
	c.holds("a=string b=string")
}

// TestFollowGap: no delta is loaded behind one that is not there, and the others of the chain are.
func TestFollowGap(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	for _, value := range []string{"1", "2", "3"} {
		c.delta(smalldump.String("a", value))
	}
	gone := archive.DeltaPath(c.dir, 2)
	if err := os.Rename(gone, gone+".moved"); err != nil {
		t.Fatal(err)
	}
	c.follow(false, exitcode.Refused, "delta 1: ", "has delta 3 and no finished delta 2")
	if err := os.Rename(gone+".moved", gone); err != nil {
		t.Fatal(err)
	}
	if s := c.follow(false, 0); s.Chain.Deltas != 2 {
		t.Errorf("%+v", s.Chain)
	}
}

// TestFollowOneDown: a target that cannot be reached does not keep the other from going on, and is
// brought up to it later.
func TestFollowOneDown(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	c.load(c.base)
	other, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	two := c.base
	two.Target.Target.Addr = other.Addr()
	c.load(two)
	c.delta(smalldump.String("a", "1"))
	smalldump.LastDelta(t, archive.DeltaPath(c.dir, 2), c.last, []format.Record{smalldump.String("a", "2")})
	addr := other.Addr()
	both := func() (*summary.Summary, error) {
		one, two := c.options(), c.options()
		two.Target.Target.Addr = addr
		one.Summary, one.Meter = summary.New("test", "", "follow"), progress.NewMeter()
		var log bytes.Buffer
		err := Run(t.Context(), []load.Options{one, two}, true, &log, &log)
		return one.Summary, err
	}
	other.Close()
	if s, err := both(); load.ExitCode(err) != exitcode.TryAgain || s.Targets[0].Chain.Number != 2 || s.Targets[1].Chain.Number != 0 {
		t.Errorf("%v: %+v, %+v", err, s.Targets[0].Chain, s.Targets[1].Chain)
	}
	if err := other.StartAddr(addr); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.Server().SetPreHook(minitarget.Hook())
	if s, err := both(); err != nil || s.Targets[0].Chain.Deltas != 0 || s.Targets[1].Chain.Deltas != 2 {
		t.Errorf("%v: %+v, %+v", err, s.Targets[0].Chain, s.Targets[1].Chain)
	}
	if a, _ := other.Get("a"); a != "2" {
		t.Errorf("a is %q", a)
	}
}
