package rollback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// loadChain loads a base and three deltas behind it, of which those from the first on that is
// saved save what they take away.
func loadChain(t *testing.T, saved int) (base *loaded, chain Options) {
	t.Helper()
	base, _ = withDelta(t, false, []format.Record{smalldump.String("a", "0"), smalldump.String("gone", "0")}, nil)
	chain = base.o
	chain.Base, chain.Dump = base.o.Dump, filepath.Join(t.TempDir(), "chain")
	last := base.o.Dump
	for n := 1; n <= 3; n++ {
		d := *base
		d.o.Base, d.o.Dump = base.o.Dump, archive.DeltaPath(chain.Dump, n)
		records := []format.Record{smalldump.String("a", fmt.Sprint(n)), smalldump.String(fmt.Sprint("k", n), "1")}
		if n == 2 {
			records = []format.Record{smalldump.String("a", "2"), smalldump.Deleted("gone"), smalldump.String("k2", "1")}
		}
		smalldump.Delta(t, d.o.Dump, last, records)
		last = d.o.Dump
		if err := d.load(t, n >= saved); err != nil {
			t.Fatal(err)
		}
	}
	return base, chain
}

// runChain undoes deltas of a chain, and wants that to end so.
func runChain(t *testing.T, o Options, behind, code int, says string) *summary.Summary {
	t.Helper()
	var log bytes.Buffer
	o.Summary = summary.New("test", "", "rollback")
	err := RunChain(t.Context(), o, behind, &log)
	got := exitcode.Done
	if err != nil {
		got = load.ExitCode(err)
		fmt.Fprintln(&log, err)
	}
	o.Summary.End(err, got)
	if all := log.String() + o.Summary.String(); got != code || !strings.Contains(all, says) {
		t.Errorf("exit code %d, want %d and %q:\n%s", got, code, says, all)
	}
	return o.Summary
}

// TestChain: deltas are undone the last first, down to one or to the base, and no further.
func TestChain(t *testing.T) {
	base, chain := loadChain(t, 1)
	s := runChain(t, chain, 2, 0, "loaded up to delta 2")
	base.holds(t, "a k1 k2")
	if s.Chain.Deltas != 1 || s.Chain.Number != 2 || s.Rollback.Removed != 2 || s.Rollback.Restored != 1 {
		t.Errorf("%+v %+v", s.Chain, s.Rollback)
	}
	runChain(t, chain, 2, 0, "nothing was undone")
	runChain(t, chain, 0, 0, "only the base")
	base.holds(t, "a gone")
	if a, _ := base.Get("a"); a != "0" {
		t.Errorf("a is %s", a)
	}
	base.undo(t, "")
	base.holds(t, "")
}

// TestUndo: a chain is undone behind a number, and a dump as a whole; what is of the other is
// refused before anything is looked at.
func TestUndo(t *testing.T) {
	base, chain := loadChain(t, 1)
	flush, undo, dump := chain, chain, base.o
	flush.Flush, undo.Undo, dump.Behind = true, "undo", 0
	for _, o := range []Options{flush, undo, dump} {
		if err := Undo(t.Context(), o, io.Discard); load.ExitCode(err) != exitcode.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
	base.holds(t, "a k1 k2 k3")
	chain.Behind = 2
	if err := Undo(t.Context(), chain, io.Discard); err != nil {
		t.Error(err)
	}
	base.holds(t, "a k1 k2")
	chain.Behind = -1
	if err := Undo(t.Context(), chain, io.Discard); err != nil {
		t.Error(err)
	}
	dump.Behind = -1
	if err := Undo(t.Context(), dump, io.Discard); err != nil {
		t.Error(err)
	}
	base.holds(t, "")
}

// TestChainChanged: what others have written is kept, of whichever delta, and with Force undone by
// a later run as well.
func TestChainChanged(t *testing.T) {
	base, chain := loadChain(t, 1)
	base.Set("k3", "others")
	s := runChain(t, chain, 0, exitcode.LeftOut, "delta 3: ")
	base.holds(t, "a gone k3")
	if len(s.LeftOut) != 1 || s.LeftOut[0].Keys != 1 || s.Chain.Deltas != 3 {
		t.Errorf("%+v %+v", s.LeftOut, s.Chain)
	}
	runChain(t, chain, 0, 0, "nothing was undone")
	chain.Force = true
	runChain(t, chain, 0, 0, "only the base")
	base.holds(t, "a gone")
}

// TestChainUnsaved: if one of the deltas cannot be undone, none is; those behind it can.
func TestChainUnsaved(t *testing.T) {
	base, chain := loadChain(t, 2)
	runChain(t, chain, 0, exitcode.Refused, "delta 1 was loaded without --undo")
	base.holds(t, "a k1 k2 k3")
	runChain(t, chain, 1, 0, "loaded up to delta 1")
	base.holds(t, "a gone k1")
}

// TestChainEmpty: a delta without a name takes nothing away that could have been saved.
func TestChainEmpty(t *testing.T) {
	base, chain := loadChain(t, 1)
	d := *base
	d.o.Base, d.o.Dump = base.o.Dump, archive.DeltaPath(chain.Dump, 4)
	smalldump.Delta(t, d.o.Dump, archive.DeltaPath(chain.Dump, 3), nil)
	if err := d.load(t, false); err != nil {
		t.Fatal(err)
	}
	runChain(t, chain, 0, 0, "only the base")
	base.holds(t, "a gone")
}

// TestChainDamaged: what the rollback of any of the deltas rests on is looked at before anything is
// undone, and a chain of which nothing is undone can go on.
func TestChainDamaged(t *testing.T) {
	flip := func(t *testing.T, dir string) {
		a, err := archive.OpenAny(t.Context(), dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		chunk := filepath.Join(dir, a.Manifest.Chunks[0].Name)
		data, err := os.ReadFile(chunk)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/3] ^= 1
		if err := os.WriteFile(chunk, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		damage func(t *testing.T, delta, undo string)
		code   int
		says   string
	}{
		"undo is gone":       {func(t *testing.T, _, undo string) { os.RemoveAll(undo) }, exitcode.Refused, "--undo is not there as a whole"},
		"undo is unfinished": {func(t *testing.T, _, undo string) { os.Remove(filepath.Join(undo, format.ManifestName)) }, exitcode.Refused, "--undo is not there as a whole"},
		"undo is damaged":    {func(t *testing.T, _, undo string) { flip(t, undo) }, exitcode.Corrupt, "--undo: "},
		"delta is damaged":   {func(t *testing.T, delta, _ string) { flip(t, delta) }, exitcode.Corrupt, "delta 2 cannot be undone"},
	} {
		t.Run(name, func(t *testing.T) {
			base, chain := loadChain(t, 1)
			begun, _, err := loadchain.Begun(t.Context(), &chain.Spec, 0, false)
			if err != nil || len(begun) != 3 {
				t.Fatal(begun, err)
			}
			tc.damage(t, archive.DeltaPath(chain.Dump, 2), begun[1].Undo)
			runChain(t, chain, 0, tc.code, tc.says)
			base.holds(t, "a k1 k2 k3")
			if tc.says == "delta 2 cannot be undone" { // names with a suffix need it behind it, too
				return
			}
			runChain(t, chain, 2, 0, "")
			one := chain // of a delta alone it holds as well
			one.Dump, one.Summary = archive.DeltaPath(chain.Dump, 2), summary.New("test", "", "rollback")
			if err := Run(t.Context(), one, io.Discard); err == nil || load.ExitCode(err) != tc.code {
				t.Errorf("exit code of %v, want %d", err, tc.code)
			}
			base.holds(t, "a k1 k2")
			three := *base
			three.o.Base, three.o.Dump = base.o.Dump, archive.DeltaPath(chain.Dump, 3)
			if err := three.load(t, false); err != nil {
				t.Errorf("the chain cannot go on: %v", err)
			}
		})
	}
}

// TestBelowChain: who undoes what lies below deltas is told the newest of them, and a command that
// undoes all of them.
func TestBelowChain(t *testing.T) {
	base, chain := loadChain(t, 1)
	for number, says := range map[int]string{0: " --in " + chain.Dump, 1: " --in " + chain.Dump + " --to 1", 2: " --in " + chain.Dump + " --to 2"} {
		o := chain
		if o.Dump = archive.DeltaPath(chain.Dump, number); number == 0 {
			o = base.o
		}
		err := Run(t.Context(), o, io.Discard)
		if load.ExitCode(err) != exitcode.Refused || !strings.HasPrefix(err.Error(), "delta 3 ") || !strings.HasSuffix(err.Error(), says) {
			t.Errorf("%d: %v", number, err)
		}
	}
}

// TestChainOfAnother: a chain that was never loaded into a target is not undone there with success.
func TestChainOfAnother(t *testing.T) {
	_, chain := loadChain(t, 1)
	other := chain
	other.Target.Target.Addr = start(t).Addr()
	for _, behind := range []int{0, 3} {
		runChain(t, other, behind, exitcode.Refused, "holds no journal: no load of this chain")
	}
	other = chain
	other.State = t.TempDir()
	runChain(t, other, 0, exitcode.Refused, other.State+" holds no journal")
	runChain(t, chain, 3, 0, "nothing was undone")
}

// TestChainSwapped: what another load has saved is not put back, of whichever load.
func TestChainSwapped(t *testing.T) {
	base, chain := loadChain(t, 1)
	begun, _, err := loadchain.Begun(t.Context(), &chain.Spec, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	swap := func() {
		for _, r := range [][2]string{{begun[0].Undo, begun[0].Undo + "-"}, {begun[1].Undo, begun[0].Undo}, {begun[0].Undo + "-", begun[1].Undo}} {
			if err := os.Rename(r[0], r[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap()
	runChain(t, chain, 0, exitcode.Refused, "holds what another load has saved")
	one := chain
	one.Dump = archive.DeltaPath(chain.Dump, 3)
	if err := Run(t.Context(), one, io.Discard); load.ExitCode(err) != exitcode.Refused || !strings.Contains(err.Error(), "this one has saved dump") {
		t.Error(err)
	}
	base.holds(t, "a k1 k2 k3")
	one.Undo = begun[1].Undo // where it is now
	if err := Run(t.Context(), one, io.Discard); err != nil {
		t.Error(err)
	}
	base.holds(t, "a k1 k2")
	swap()
	runChain(t, chain, 0, 0, "only the base")
	base.holds(t, "a gone")
}

// TestChainForeign: if in place of a delta that was loaded another one stands, or a part of it,
// none is undone, and all are once it is back.
func TestChainForeign(t *testing.T) {
	base, chain := loadChain(t, 1)
	two, other := archive.DeltaPath(chain.Dump, 2), filepath.Join(t.TempDir(), "other")
	smalldump.Delta(t, other, archive.DeltaPath(chain.Dump, 1), []format.Record{smalldump.String("a", "2")})
	for _, tc := range []struct {
		file string
		code int
		says string
	}{
		{"", exitcode.Refused, two + " is dump "},
		{format.InfoName, exitcode.Corrupt, filepath.Join(two, format.InfoName) + " at 0: it belongs to dump "},
		{format.ManifestName, exitcode.Refused, two + " is dump "},
	} {
		swap := func() {
			own, foreign := filepath.Join(two, tc.file), filepath.Join(other, tc.file)
			for _, r := range [][2]string{{own, own + "-"}, {foreign, own}, {own + "-", foreign}} {
				if err := os.Rename(r[0], r[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		swap()
		runChain(t, chain, 0, tc.code, tc.says)
		base.holds(t, "a k1 k2 k3")
		swap()
	}
	manifest := filepath.Join(two, format.ManifestName)
	if err := os.Rename(manifest, manifest+"-"); err != nil {
		t.Fatal(err)
	}
	runChain(t, chain, 0, exitcode.Refused, "has delta 3 and no finished delta 2")
	base.holds(t, "a k1 k2 k3")
	if err := os.Rename(manifest+"-", manifest); err != nil {
		t.Fatal(err)
	}
	runChain(t, chain, 0, 0, "only the base")
	base.holds(t, "a gone")
}

// TestBesideFollow: as long as a run follows a chain, no other one loads or undoes what it has
// loaded, whether it waits or not: the chain, one of its deltas, the base. When it has ended they
// may.
func TestBesideFollow(t *testing.T) {
	for _, tc := range []struct {
		deltas int
		state  bool
	}{{3, false}, {3, true}, {0, false}, {0, true}} {
		base, _ := withDelta(t, false, []format.Record{smalldump.String("a", "0")}, nil)
		chain := base.o
		chain.Base, chain.Dump = base.o.Dump, filepath.Join(t.TempDir(), "chain")
		if tc.state {
			chain.State = t.TempDir()
			base.o.State, base.o.Target.OnExists = chain.State, writer.Replace
			if err := base.load(t, false); err != nil {
				t.Fatal(err)
			}
		}
		last := base.o.Dump
		for n := 1; n <= tc.deltas; n++ {
			smalldump.Delta(t, archive.DeltaPath(chain.Dump, n), last, []format.Record{smalldump.String("a", fmt.Sprint(n))})
			last = archive.DeltaPath(chain.Dump, n)
		}
		// follow ends a run when it waits, after it has called then.
		follow := func(then func()) error {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			o := load.Options{Spec: chain.Spec, MaxErrors: -1, Undo: filepath.Join(t.TempDir(), "undo"), Tool: "test"}
			o.Meter = progress.NewMeter()
			ended := make(chan error, 1)
			go func() { ended <- loadchain.Run(ctx, []load.Options{o}, true, io.Discard, io.Discard) }()
			for len(o.Meter.Snapshot().Waits) == 0 {
				select {
				case err := <-ended:
					return err
				case <-time.After(time.Millisecond):
				}
			}
			then()
			stop()
			return <-ended
		}
		runs := map[string]func() error{
			"follow": func() error { return follow(func() {}) },
			"load of the base": func() error {
				again := *base
				again.o.Target.OnExists = writer.Replace
				return again.load(t, false)
			},
			"rollback of the base": func() error { return Run(t.Context(), base.o, io.Discard) },
		}
		if tc.deltas > 0 {
			one := *base
			one.o.Base, one.o.Dump = base.o.Dump, archive.DeltaPath(chain.Dump, tc.deltas)
			runs["load of a delta"] = func() error { return one.load(t, true) }
			runs["rollback of a delta"] = func() error { return Run(t.Context(), one.o, io.Discard) }
			runs["rollback"] = func() error {
				chain := chain
				chain.Summary = summary.New("test", "", "rollback")
				err := RunChain(t.Context(), chain, 0, io.Discard)
				if n := chain.Summary.Chain.Number; n != tc.deltas {
					t.Errorf("%+v: it says that the chain is loaded up to %d", tc, n)
				}
				return err
			}
			runs["load"] = func() error {
				return loadchain.Run(t.Context(), []load.Options{{Spec: chain.Spec, MaxErrors: -1}}, false, io.Discard, io.Discard)
			}
		}
		err := follow(func() {
			for name, run := range runs {
				if err := run(); !errors.Is(err, storage.ErrLocked) && (name != "rollback of the base" || tc.deltas == 0) {
					t.Errorf("%+v: beside it a %s: %v", tc, name, err)
				}
			}
			if a, _ := base.Get("a"); a != fmt.Sprint(tc.deltas) {
				t.Errorf("%+v: a is %s", tc, a)
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := follow(func() {}); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: behind it: %v", tc, err)
		}
		if tc.deltas > 0 {
			runChain(t, chain, 0, 0, "only the base")
		}
		base.undo(t, "")
		base.holds(t, "")
	}
}
