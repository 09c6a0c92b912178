package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A verification compares one target with one dump.
type verification struct {
	o      *verifyOptions
	a      *archive.Archive
	l      *writer.Loader
	rules  *rewrite.Rules
	log    io.Writer
	report *verify.Report
	vo     verify.Options
	tally  verify.Tally
	read   atomic.Int64
	names  atomic.Int64 // that --reverse has listed
}

// verifyDump is kvload verify.
func verifyDump(ctx context.Context, o verifyOptions, out, log io.Writer) error {
	a, rules, err := o.openDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := o.recall(ctx, rules, a.Manifest); err != nil {
		return err
	}
	return verifyWith(ctx, a, rules, &o, out, log)
}

// verifyWith compares. The places of o.writer have been chosen.
func verifyWith(ctx context.Context, a *archive.Archive, rules *rewrite.Rules, o *verifyOptions, out, log io.Writer) (err error) {
	left, err := o.readLeftOut()
	if err != nil {
		return err
	}
	start := time.Now()
	l, err := writer.Open(ctx, o.writer)
	if err != nil {
		return load.MayWantTLS(err)
	}
	t := l.Target()
	fmt.Fprintf(log, "comparing %s with %s\n", t, a.Path())
	v := &verification{o: o, a: a, l: l, rules: rules, log: log}
	if v.report, err = verify.NewReport(o.report, out); err != nil {
		return fmt.Errorf("%w: --report: %w; give a file that can be written", errRefused, err)
	}
	v.vo = v.options(&t, left)
	if err := errors.Join(v.run(ctx), v.report.Close(), left.Close()); err != nil {
		return err
	}
	report.SayPartial(out, a.Manifest.Options)
	if v.tally.Keys() == 0 && report.Keys(a.Manifest.Totals) > 0 && o.share.IsAll() {
		return fmt.Errorf("%w: no key was compared, which proves nothing: --match or --sample choose none of the dump's keys", errRefused)
	}
	fmt.Fprintf(out, "compared %s in %s\n", progress.Plural(v.tally.Keys(), "key", "keys"), progress.Duration(max(time.Since(start), time.Second)))
	v.tally.Summary(out, o.sample)
	return v.verdict()
}

// options returns what the engine compares.
func (v *verification) options(t *writer.Target, left *leftout.List) verify.Options {
	vo := verify.Options{
		KeysOnly: v.o.keysOnly, Sample: v.o.sample, Refuses: t.Refuses, NoZeroSign: !t.KeepsZeroSign(),
		Clock: func() time.Time { return time.Now().Add(t.ClockOffset) }, Report: v.report.Add,
	}
	if !t.KeepsMilliseconds() {
		vo.RoundedMs = 1000
	}
	if !left.Empty() {
		vo.LeftOut = left.Holds
	}
	vo.Name = func(db int, kind format.Kind, key []byte) ([]byte, verify.Class) {
		name, reason := v.rules.Rename(db, kind, key)
		switch {
		case kind == format.HyperLogLog && v.o.writer.HyperLogLog == writer.LeaveOut, reason == leftout.Prefix:
			return nil, verify.LeftOut
		case reason != "":
			return nil, verify.ConflictLoser
		case v.rules.IsSuffixed(db, kind, key):
			return name, verify.Renamed
		}
		return name, ""
	}
	vo.Expire = v.rules.ExpireFunc()
	return vo
}

// verdict is the error for what differs.
func (v *verification) verdict() error {
	differ, extra := v.tally.Differing()
	if differ == 0 && extra == 0 {
		return nil
	}
	text := fmt.Sprintf("%s of %s", progress.Count(differ), progress.Plural(v.tally.Keys(), "key differs", "keys differ"))
	if extra > 0 {
		text += fmt.Sprintf(", and the dump lacks %s", progress.Plural(extra, "key of the target", "keys of the target"))
	}
	if v.o.report != "" {
		return &command.Different{Text: text + ": see " + v.o.report}
	}
	return &command.Different{Text: text + "; --report FILE lists them"}
}

// run makes the rounds, and then the reverse pass.
func (v *verification) run(ctx context.Context) (err error) {
	spec := v.o.spec()
	units, err := spec.ChosenUnits(v.a)
	if err != nil {
		return err
	}
	units = archive.LargestFirst(loadstate.AssignUnits(v.o.share, units))
	if !v.o.quiet {
		defer progress.Start(v.log, v.snapshot(units))()
	}
	workers := make([]*verify.Worker, min(v.o.threads, max(1, len(units))))
	for i := range workers {
		workers[i] = &verify.Worker{
			Archive: v.a, Keep: v.o.filter.Key(), Connect: v.connect, Options: &v.vo, Tally: &v.tally, Read: &v.read,
		}
		defer func(w *verify.Worker) { err = errors.Join(err, w.Close()) }(workers[i])
	}
	jobs := verify.Jobs(units)
	for round := 1; round <= v.o.rounds && len(jobs) > 0; round++ {
		if jobs, err = verify.Round(ctx, workers, jobs, round < v.o.rounds); err != nil {
			return err
		}
	}
	if v.o.reverse {
		return v.backwards(ctx)
	}
	return nil
}

// reverseCost is about what --reverse takes, where comparing takes 1: it only lists names, and looks them up.
const reverseCost = 0.3

// snapshot returns how far the comparison is. How many keys the target has is not known: about as many as the dump.
func (v *verification) snapshot(units []archive.Unit) func() progress.Snapshot {
	total := int64(0)
	for _, u := range units {
		total += u.Stored()
	}
	keys := report.Keys(v.a.Manifest.Totals)
	return func() progress.Snapshot {
		s := progress.Snapshot{Keys: v.tally.Keys(), Bytes: v.read.Load()}
		s.Done = min(1, float64(s.Bytes)/float64(max(1, total)))
		if v.o.reverse {
			if n := v.names.Load(); n > 0 {
				s.Note = "looking for keys that the dump does not have: " + progress.Plural(n, "name", "names")
			}
			s.Done = (s.Done + reverseCost*min(1, float64(v.names.Load())/float64(max(1, keys)))) / (1 + reverseCost)
		}
		s.Done = min(0.999, s.Done)
		return s
	}
}

func (v *verification) connect(_ context.Context, db int) (verify.Server, error) {
	return &readback{l: v.l, db: db, again: v.o.again(v.log)}, nil
}

// backwards finds the keys that only the target has, one database after the other.
func (v *verification) backwards(ctx context.Context) error {
	for _, db := range slices.Sorted(maps.Keys(v.o.writer.Keyspaces)) {
		r, err := v.l.NewReader(ctx, db)
		if err != nil {
			return err
		}
		rev := &verify.Reverse{
			DB: db, Archive: v.a, Keep: v.o.filter.Key(), Sample: v.o.sample, Report: v.report.Add, Tally: &v.tally,
			Chunks: func(c format.ChunkInfo) bool { return v.o.filter.Type(c.Type) },
		}
		if p := v.o.rewrite.Prefix; !p.IsNone() {
			rev.Source, rev.Name = p.Source, p.Apply
		}
		if v.o.rewrite.Conflict == rewrite.Suffix {
			rev.Renamed = v.rules.IsSuffixedName
		}
		add := func(names []string) error {
			v.names.Add(int64(len(names)))
			return rev.Add(names)
		}
		if err := errors.Join(r.Scan(ctx, add), r.Close()); err != nil {
			return err
		}
		if err := rev.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// recall finds in the journal of the load when it began, for rules that go by that.
func (o *verifyOptions) recall(ctx context.Context, rules *rewrite.Rules, m *format.Manifest) error {
	if !rules.TTL.GoesByBegin() {
		return nil
	}
	path, b, err := o.location().Binding(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: --ttl shift and --ttl-min go by the time when the load began, and %s holds no journal of it: give the --state of the load",
			errRefused, path)
	case err != nil:
		return err
	case b.Dump != m.Dump:
		return fmt.Errorf("%w: %s holds the journal of the load of another dump: give the --state of the load", errRefused, path)
	}
	rules.Begin(b.Now, m)
	return rules.CheckRecorded(b.Settings, path)
}
