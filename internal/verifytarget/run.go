// Package verifytarget compares a target with the dump that was loaded into it.
//
//	err := verifytarget.Run(ctx, verifytarget.Options{Spec: spec, Rounds: 2}, out, log)
//
// It only reads. What a load has left out, by its rules or by its list, is explained and is no
// difference.
package verifytarget

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// Run compares. It returns an exitcode.DifferentError if something differs. Out is for what came
// out, log for all else.
func Run(ctx context.Context, o Options, out, log io.Writer) error {
	o.Summarize("verify")
	chain, err := archive.IsChain(ctx, o.Dump)
	if err != nil {
		return err
	}
	var a *archive.Archive
	var rules *rewrite.Rules
	var last loadstate.Location
	more := 0
	if chain {
		a, rules, last, more, err = loadchain.Open(ctx, &o.Spec, log)
	} else {
		a, rules, err = o.Open(ctx)
		last = o.Location()
	}
	if err != nil {
		return err
	}
	defer a.Close()
	if err := o.recall(ctx, rules, a.Manifest); err != nil {
		return err
	}
	if err := o.sayState(ctx, chain, log); err != nil {
		return err
	}
	o.WarnLacks(a, "compared", log)
	status, err := last.Status(ctx, last.AsNode())
	if err != nil {
		return err
	}
	doubted := status.Doubted(ctx)
	if chain {
		base, err := o.Location().Status(ctx, last.AsNode())
		if err != nil {
			return err
		}
		doubted = append(doubted, base)
	}
	if err := RunWith(ctx, o, a, rules, out, log); err != nil {
		return err
	}
	if !o.provesAll(ctx, status, &last) {
		doubted = nil
	}
	for _, s := range doubted {
		if err := s.BeSure(ctx, last); err != nil {
			fmt.Fprintf(log, "warning: the target is equal, but the journal in %s, which doubts that, cannot be told: %v\n", s.Root, err)
		}
	}
	if more > 0 {
		o.Summary.Comparison.Equal = false
		return &exitcode.DifferentError{Text: "the target lacks " + progress.Plural(int64(more), "delta", "deltas") + " of the chain: load the chain, or end its rollback, then compare again"}
	}
	return nil
}

// provesAll reports whether no difference means that the target holds all of a load and what it
// follows.
func (o *Options) provesAll(ctx context.Context, status *loadstate.Status, last *loadstate.Location) bool {
	id := status.Identity()
	return id != nil && id.Dump == last.ID && (o.Dump != last.Dump || id.After == nil && loadstate.Newest(ctx, status.Shards[0].Journal, "") == nil) &&
		!o.KeysOnly && o.Sample == nil && o.Shard.IsAll() && o.ChoosesAs(id)
}

// Verify compares a target as a load does that is done.
func (o Options) Verify(ctx context.Context, s load.Spec, a *archive.Archive, rules *rewrite.Rules,
	leftOut func() (io.ReadCloser, error), out, log io.Writer) error {
	o.Spec, o.OpenLeftOut = s, leftOut
	return RunWith(ctx, o, a, rules, out, log)
}

// someKeys is about how many keys VerifySome compares.
const someKeys = 1024

// VerifySome is Verify of a sample, of which nothing is kept for reports.
func (o Options) VerifySome(ctx context.Context, s load.Spec, a *archive.Archive, rules *rewrite.Rules,
	leftOut func() (io.ReadCloser, error), out, log io.Writer) error {
	keys := report.Sum(a.Manifest.Totals).Keys
	if o.some = true; keys > someKeys {
		o.Sample = sample.Of(someKeys / float64(keys))
	}
	return o.Verify(ctx, s, a, rules, leftOut, out, log)
}

// RunWith is Run with the dump open, and the rules of a load whose begin they know.
func RunWith(ctx context.Context, o Options, a *archive.Archive, rules *rewrite.Rules, out, log io.Writer) error {
	o.Summarize("verify")
	began := time.Now()
	logging.SetDump(log, a.Manifest.Dump)
	left, err := o.readLeftOut()
	if err != nil {
		return err
	}
	l, err := writer.Open(ctx, o.Target)
	if err != nil {
		return load.MayWantTLS(err)
	}
	t := l.Target
	t.Fence(target.Fence{Name: "kvload:" + rand.Text() + ":"}) // by which readback.Census knows them
	o.Summary.Target = fmt.Sprint(t)
	fmt.Fprintf(log, "comparing %s with %s\n", t, a.Path())
	if err := o.isWhereLoaded(ctx, l); err != nil {
		return err
	}
	list, err := verify.NewReport(o.Report, out)
	if err != nil {
		return fmt.Errorf("%w: --report: %w; give a file that can be written", exitcode.ErrRefused, err)
	}
	c := &comparison{Options: o, dump: a, rules: rules, target: l, retry: o.Retry(log), list: list, how: Compare(t, rules, o.Target.HyperLogLog)}
	if o.Raw {
		c.how.Refuses = nil // raw batches store every score
	}
	c.throttle = load.NewThrottle(o.Limits, &writer.Options{}, o.Workers, o.Meter, func(text string) { fmt.Fprintln(log, text) })
	c.how.KeysOnly, c.how.Sample, c.how.Report = o.KeysOnly, o.Sample, list.Add
	if !left.Empty() {
		c.how.LeftOut = left.Holds
	}
	if err := errors.Join(c.run(ctx, log), list.Close(), left.Close()); err != nil {
		return err
	}
	o.Summary.File("report", o.Report)
	o.Summary.NotePartial(a.Manifest.Options)
	if c.tally.Keys() == 0 && a.Manifest.Delta == nil && report.Sum(a.Manifest.Totals).Keys > 0 && o.Shard.IsAll() {
		return fmt.Errorf("%w: no key was compared, which proves nothing: --match or --sample choose none of the dump's keys", exitcode.ErrRefused)
	}
	o.Summary.Comparison = c.tally.Comparison(o.Sample)
	if a.Manifest.Delta != nil && c.tally.Keys() == 0 {
		o.Summary.Comparison.Equal = true // it holds nothing
	}
	if o.some || o.Behind && !o.Summary.Comparison.Equal { // it does not tell what came of the load
		return c.verdict()
	}
	if err := c.keep(ctx, began); err != nil {
		fmt.Fprintf(log, "warning: cannot keep beside the journal what came of the comparison: %v\n", err)
	}
	return c.verdict()
}

// A comparison compares one target with one dump.
type comparison struct {
	Options
	dump   *archive.Archive
	rules  *rewrite.Rules
	target *writer.Loader
	retry  retry.Policy
	list   *verify.Report
	how    verify.Options
	tally  verify.Tally
	// throttle lets the target rest; nil: nothing limits the comparison.
	throttle *load.Throttle
	names    atomic.Int64 // that Reverse has listed
}

// keep keeps what came out beside the journal of the load, if there is one, for kvload report.
func (c *comparison) keep(ctx context.Context, began time.Time) error {
	v := loadstate.Verification{
		Dump: c.dump.Manifest.Dump, Target: fmt.Sprint(c.target.Target), Began: began, Ended: time.Now(),
		KeysOnly: c.KeysOnly, Reverse: c.Reverse, Comparison: *c.Summary.Comparison,
	}
	if !c.Shard.IsAll() {
		v.Shard = c.Shard.String()
	}
	return v.Keep(ctx, c.Location(), c.target.Target.Nodes)
}

// run makes the rounds, and then the reverse pass.
func (c *comparison) run(ctx context.Context, log io.Writer) error {
	units, err := c.ChosenUnits(c.dump)
	if err != nil {
		return err
	}
	units = loadstate.AssignUnits(c.Shard, units)
	defer c.Meter.Begin("verify", c.Workers)()
	for _, u := range units {
		u.ExpectIn(c.Meter.Part(progress.Name{DB: u[0].DB, Type: string(u[0].Type)}), c.Sample != nil || c.Filter.Key() != nil)
	}
	if c.Reverse {
		for _, db := range c.DBs() {
			_, keys := c.held(db) // how many the target has is not known
			c.listing(db).Expect(c.listingWork(db, keys))
		}
	}
	c.Meter.Note(c.note)
	defer c.Meter.Observe(ctx, func(ctx context.Context) { load.Observe(ctx, c.Meter, c.target.Target) })()
	w := verify.Worker{
		Archive: c.dump, Keep: c.Filter.Key(), Options: &c.how, Tally: &c.tally, Meter: c.Meter, Censuses: c.censuses(ctx),
		Asking: func(db int, why error) {
			fmt.Fprintf(log, "database %d: keys without an expiry in the dump are asked for theirs, in a second pass: %v\n", db, why)
		},
		Connect: func(_ context.Context, db int) (verify.Server, error) {
			server := readback.New(c.target.Target, db, c.retry.Start().Wait)
			if c.throttle == nil {
				return server, nil
			}
			return paced{server, c.throttle}, nil
		},
	}
	err = verify.Rounds(ctx, w, archive.LargestFirst(units), c.Workers, c.Rounds)
	for _, census := range w.Censuses {
		census.Close()
	}
	if err != nil {
		return err
	}
	if c.dump.Manifest.Delta != nil {
		return c.gone(ctx)
	}
	if !c.Reverse {
		return nil
	}
	for _, db := range c.DBs() {
		if err := c.reverse(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// reverse finds the keys of a database that only the target has.
func (c *comparison) reverse(ctx context.Context, db int) error {
	r := readback.New(c.target.Target, db, nil)
	rev := &verify.Reverse{
		DB: db, Archive: c.dump, Keep: c.Filter.Key(), Sample: c.Sample, Report: c.list.Add, Tally: &c.tally,
		Chunks: func(ci format.ChunkInfo) bool { return c.Filter.Type(ci.Type) || slices.Contains(c.Wrote, ci.Type) }, Renamed: c.rules.IsSuffixedName,
	}
	if p := c.rules.Prefix; !p.IsNone() {
		rev.Source, rev.Name = p.Source, p.Apply
	}
	part, began := c.listing(db), time.Now()
	add := func(names []string) error {
		took, bytes := time.Since(began), 0
		for _, n := range names {
			bytes += len(n)
		}
		c.names.Add(int64(len(names)))
		part.Add(0, 0, c.listingWork(db, int64(len(names))))
		if err := rev.Add(names); err != nil {
			return err
		}
		err := c.restAfter(ctx, len(names), bytes, took)
		began = time.Now()
		return err
	}
	if err := errors.Join(r.Scan(ctx, add), r.Close()); err != nil {
		return err
	}
	defer part.UnitDone()
	return rev.Finish()
}

// reverseCost is about what Reverse takes, where comparing takes 1: it only lists names, and looks
// them up.
const reverseCost = 0.3

// listing is what counts the names of a database that Reverse lists.
func (c *comparison) listing(db int) *progress.Counter {
	return c.Meter.Part(progress.Name{DB: db, Type: "--reverse"})
}

// held returns what the dump has of a database.
func (c *comparison) held(db int) (stored, keys int64) {
	for _, t := range c.dump.Manifest.Totals {
		if t.DB == db {
			stored, keys = stored+t.Stored, keys+t.Keys
		}
	}
	return stored, keys
}

// listingWork is the work that names mean: that of comparing is the bytes of the dump.
func (c *comparison) listingWork(db int, names int64) int64 {
	stored, keys := c.held(db)
	return int64(reverseCost * float64(stored) / float64(max(1, keys)) * float64(names))
}

func (c *comparison) note() string {
	differ, extra := c.tally.Differing()
	text := progress.Plural(differ, "key differs", "keys differ") + " so far"
	if c.Reverse {
		text += fmt.Sprintf("; names of the target looked up: %s, not in the dump: %s", progress.Count(c.names.Load()), progress.Count(extra))
	}
	return text
}

// verdict is the error for what differs.
func (c *comparison) verdict() error {
	differ, extra := c.tally.Differing()
	if differ == 0 && extra == 0 {
		return nil
	}
	text := progress.Of(differ, c.tally.Keys(), "key", "keys", "differs", "differ")
	if extra > 0 {
		text += fmt.Sprintf(", and the dump lacks %s", progress.Plural(extra, "key of the target", "keys of the target"))
	}
	if c.Report != "" {
		return &exitcode.DifferentError{Text: text + ": see " + c.Report}
	}
	return &exitcode.DifferentError{Text: text + "; --report FILE lists them"}
}
