// Package loadchain loads the deltas of a chain into targets, as they appear.
//
//	err := loadchain.Run(ctx, []load.Options{{Spec: load.Spec{Dump: chain, Base: base}}}, true, out, log)
//	deltas, where, id, err := loadchain.Known(ctx, spec) // what flags their loads have
//
// Each delta is loaded by package load, with its own journal, in its turn; the base never.
package loadchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const (
	// How often a delta that is awaited is looked for.
	lookLeast = 200 * time.Millisecond
	lookMost  = time.Second
	// How often a run says that it waits, and the first delta of the run sooner.
	sayEvery = time.Minute // and less often, the longer it waits
	sayMost  = 10 * time.Minute
	sayFirst = 5 * time.Second
)

// Run loads the deltas of a chain into targets, each at its own pace and in order, behind the last
// that is loaded there, and resumes what was stopped. If wait is set it waits for more until one is
// the last, and none is behind it; else it ends behind those that are there.
func Run(ctx context.Context, targets []load.Options, wait bool, out, log io.Writer) error {
	first := &targets[0]
	switch {
	case first.Tune:
		return exitcode.Usagef("--tune is for a dump: each delta of a chain is a short load")
	case first.Report != "":
		return exitcode.Usagef("--report is for one load: what a delta of a chain leaves out is listed beside its journal")
	}
	phase := "load"
	if wait {
		phase = "follow"
	}
	first.Summarize(phase)
	behind := &lags{meter: first.Meter, of: map[string]progress.Lag{}}
	one := func(_ int, o load.Options, log io.Writer) error {
		o.Summary.Chain = &summary.Chain{Place: summary.Place(o.Dump), LagSeconds: -1}
		return (&follower{Options: o, wait: wait, out: out, log: log, lags: behind}).run(ctx)
	}
	if len(targets) > 1 {
		return load.Several(ctx, targets, phase, log, one)
	}
	defer first.Meter.Begin(phase, first.Workers)()
	only := *first
	only.Shared = true // the deltas
	return one(0, only, log)
}

// undo is the command that undoes a load.
const undo = "kvload rollback"

// A follower loads the deltas of a chain into one target.
type follower struct {
	load.Options
	wait bool
	out  io.Writer
	log  io.Writer
	lags *lags

	loaded time.Time        // when the load of the base began; zero: not known
	waited bool             // for a delta
	seen   bool             // what the target holds, by what was loaded last before this run
	same   bool             // that has been compared, or cannot be
	done   *format.Manifest // of the delta that was loaded last; nil: none is
	chain  storage.Lock     // nil: not yet, there is no delta
	below  storage.Lock     // of the base; nil: no finished load of it is known
	worst  error            // of those that have ended, and left something out or found a difference
}

func (f *follower) run(ctx context.Context) error {
	n, err := f.begin(ctx)
	if err == nil {
		err = f.knowsBase(ctx, n)
	}
	if err == nil {
		defer f.release()
		err = f.hold(ctx, n, f.done)
	}
	if err != nil {
		return err
	}
	began := n
	if f.done != nil {
		f.behind(n)
		if err := f.again(ctx, n); err != nil {
			return err
		}
	}
	for {
		n++
		a, err := f.await(ctx, n)
		if err != nil {
			return err
		}
		if a == nil {
			break
		}
		err = f.loadOne(ctx, a, n, n > began+1 || f.seen)
		if err != nil {
			return err
		}
		if f.DryRun {
			return f.worst
		}
	}
	if err := f.lookBelow(ctx, n-1); err != nil {
		return err
	}
	if err := sayLacks(ctx, &f.Spec, f.Dump, n-1, f.log); err != nil {
		return err
	}
	if n == began || f.Summary.Chain.Deltas == 0 {
		f.Summary.Note("nothing was sent: all deltas that are there were loaded before")
	}
	f.Summary.Finished = true
	if f.worst == nil && f.Summary.Chain.Restarted {
		if f.Base != "" {
			f.Summary.Instead = []string{"pikadump dump", "--uri", "redis://" + f.done.Source.Address, "--base", f.Base, "--out", archive.DeltaPath(f.Dump, n)}
		}
		f.worst = &exitcode.LeftOutError{Text: "all is loaded, but the source was restarted while it was followed: what was written in the moment before may be in no delta. pikadump dump --base makes one that has it"}
	}
	return f.worst
}

// begin waits until the base of a chain is loaded, and returns the number of the last delta that
// is.
func (f *follower) begin(ctx context.Context) (int, error) {
	if dump, err := archive.IsDump(ctx, f.Dump); dump || err != nil {
		return 0, cmp.Or(err, fmt.Errorf("%w: %s is a dump, and no chain of deltas: give the chain with --in, and the dump that it follows with --base", exitcode.ErrRefused, summary.Place(f.Dump)))
	}
	for said := false; ; {
		n, err := f.position(ctx)
		if err == nil && n == 0 && f.wait {
			err = f.canBegin(ctx)
		}
		if !f.wait || !errors.Is(err, loadstate.ErrUnfinished) {
			return n, err
		}
		if !said {
			said = true
			fmt.Fprintf(f.log, "waiting until the base is loaded: %v\n", err)
		}
		waiting := f.Meter.Wait(progress.Chunks, "the load of the base")
		err = retry.Sleep(ctx, lookMost)
		waiting()
		if err != nil {
			return 0, err
		}
	}
}

// canBegin refuses to wait for a first delta that could not be loaded.
func (f *follower) canBegin(ctx context.Context) error {
	if f.Base != "" || f.BaseLoaded {
		return nil
	}
	state, _, err := f.look(ctx, 1)
	if err == nil && state == missing {
		err = fmt.Errorf("%w: %s has no delta yet: say with --base which dump the first one will follow, so that the journal of its load is found", exitcode.ErrRefused, summary.Place(f.Dump))
	}
	return err
}

// member returns the options of the load of delta n, which has an id.
func (f *follower) member(id string, n int) load.Options {
	o := f.Options
	o.Dump, o.Number, o.ID = archive.DeltaPath(f.Dump, n), n, id
	return o
}

// await returns delta n as soon as it is finished, as delta does; nil: nobody waits.
func (f *follower) await(ctx context.Context, n int) (*archive.Archive, error) {
	waiting := func() {}
	defer func() { waiting() }()
	var pause, quiet time.Duration
	said, every := false, sayEvery
	wait, err := f.waits(ctx, n)
	if err != nil {
		return nil, err
	}
	for {
		a, err := f.delta(ctx, n)
		if a != nil || err != nil {
			return a, err
		}
		if !wait {
			return nil, f.gap(ctx, n)
		}
		if pause == 0 {
			f.waited = true
			if there, err := archive.IsChain(ctx, f.Dump); err == nil && !there {
				said = true
				fmt.Fprintf(f.log, "nothing is in %s yet: waiting for delta 1, which pikadump follow --out makes\n", summary.Place(f.Dump))
			}
			waiting = f.Meter.Wait(progress.Chunks, fmt.Sprintf("delta %d", n))
		}
		pause = min(lookMost, max(lookLeast, pause*3/2))
		if quiet += pause; quiet > every || !said && quiet > sayFirst && f.Summary.Chain.Deltas == 0 {
			if quiet > every {
				every = min(2*every, sayMost)
			}
			said, quiet = true, 0
			next := "if pikadump follow was stopped, start it again"
			if gap := f.gap(ctx, n); gap != nil {
				next = gap.Error()
			}
			fmt.Fprintf(f.log, "waiting for delta %d in %s; %s\n", n, summary.Place(f.Dump), next)
		}
		if f.done != nil {
			f.behind(n - 1)
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// waits reports whether delta n is waited for. Behind one that is the last it is only if it is
// begun: the source is followed again, as after a rehearsal.
func (f *follower) waits(ctx context.Context, n int) (bool, error) {
	if !f.wait || f.done == nil || !f.done.Delta.Last {
		return f.wait, nil
	}
	begun, err := archive.Locations(ctx, f.Dump)
	return len(begun) >= n, err
}

// gap refuses a chain in which delta n is missing and the one behind it is not.
func (f *follower) gap(ctx context.Context, n int) error {
	next, err := archive.ReadMember(ctx, f.Dump, n+1, f.Keys.Identities...)
	if err != nil || !next.Finished {
		return err
	}
	return fmt.Errorf("%w: %s has delta %d and no finished delta %d: fetch that as well", exitcode.ErrRefused, summary.Place(f.Dump), n+1, n)
}

// loadOne loads delta n. Certain says that an earlier one of this run has seen what the target
// holds. A target that has been reached, or that a delta was awaited for, may be away for a while.
func (f *follower) loadOne(ctx context.Context, a *archive.Archive, n int, certain bool) error {
	if err := f.hold(ctx, n, a.Manifest); err != nil {
		return err
	}
	began := time.Now()
	backoff := f.Retry(f.log).Start()
	sum, err := f.more(ctx, a.Manifest.Dump, n, certain)
	for err != nil && (certain || f.waited) && time.Since(began) < f.RetryFor {
		if err = backoff.Wait(ctx, err, false); err != nil {
			break
		}
		sum, err = f.more(ctx, a.Manifest.Dump, n, certain)
	}
	f.add(sum)
	if err := f.end(n, err); err != nil || f.DryRun {
		return err
	}
	f.Summary.Chain.Deltas++
	f.done = a.Manifest
	f.behind(n)
	behind := "it is the last: all is loaded"
	if c := f.Summary.Chain; !c.Last {
		behind = progress.Took(time.Duration(c.LagSeconds*float64(time.Second))) + " behind the source"
	}
	fmt.Fprintf(f.log, "delta %d: loaded %s, deleted %s, in %s; %s\n", n, progress.Plural(sum.Keys, "key", "keys"),
		progress.Count(sum.Deleted), progress.Took(time.Since(began)), behind)
	return nil
}

// end keeps the worst error with which a load ended, and returns one that ends the run.
func (f *follower) end(n int, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("delta %d: %w", n, err)
	if !exitcode.IsEnd(err) {
		return err
	}
	if f.worst == nil || load.IsWorse(err, f.worst) {
		f.worst = err
	}
	fmt.Fprintln(f.log, strings.ReplaceAll(err.Error(), "\n", "; "))
	return nil
}

// try loads delta n, which has an id, or resumes that.
func (f *follower) try(ctx context.Context, id string, n int, certain bool) (*summary.Summary, error) {
	o := f.member(id, n)
	o.Summary = summary.New("", "", "load")
	state, _, err := f.look(ctx, n)
	if err != nil {
		return o.Summary, err
	}
	o.Certain, o.Chained = certain, true
	o.Resume = state == stopped || state == loaded // loaded, and not yet verified
	if o.Undo, err = f.undo(ctx, n, state); err != nil {
		return o.Summary, err
	}
	log := f.log
	if certain {
		log = onlyWarnings(log)
	}
	err = load.Run(ctx, o, f.out, log)
	if next := o.Summary.Instead; err != nil && next != nil && next[0] == undo { // of the chain: the last delta first
		f.Summary.Instead = []string{undo, "--in", f.Dump}
	}
	return o.Summary, err
}

func (f *follower) add(one *summary.Summary) {
	s := f.Summary
	s.Dump, s.Target = one.Dump, cmp.Or(one.Target, s.Target)
	s.Keys, s.Elements, s.Bytes, s.Deleted = s.Keys+one.Keys, s.Elements+one.Elements, s.Bytes+one.Bytes, s.Deleted+one.Deleted
	s.DryRun = one.DryRun
	for _, l := range one.LeftOut {
		s.AddLeft(l)
	}
	if c := one.Comparison; c != nil {
		s.Comparison = s.Comparison.With(c)
	}
	s.Files = one.Files // of the last
}

// onlyWarnings passes on lines that are warnings, or tell of changes or retries.
func onlyWarnings(to io.Writer) io.Writer {
	return &logging.Lines{Each: func(text []byte) (err error) {
		line := string(text)
		if strings.HasPrefix(line, "warning:") || strings.HasPrefix(line, "CHANGED") || strings.Contains(line, "retry") || strings.Contains(line, "trying again") {
			_, err = io.WriteString(to, line)
		}
		return err
	}}
}
