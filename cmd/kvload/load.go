package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// sharedBytes is how much of the dump is kept in memory for targets that are behind others.
const sharedBytes = 16 << 20

// loadTargets loads a dump into one target, or into several at once.
func loadTargets(ctx context.Context, targets []loadOptions, out, log io.Writer) error {
	if len(targets) == 1 {
		return loadOne(ctx, targets[0], out, log)
	}
	a, err := archive.Open(ctx, targets[0].in, targets[0].threads, targets[0].keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := targets[0].location().Check(a.IsEncrypted()); err != nil {
		return err
	}
	a.Share(len(targets), sharedBytes)
	var servers []writer.Options
	var addrs []string
	for _, o := range targets {
		servers, addrs = append(servers, o.writer), append(addrs, o.server.Addr)
	}
	if i, j, same := writer.SameServer(ctx, servers); same {
		return fmt.Errorf("%w: %s and %s are the same server, or nodes of one cluster: name each target once", errRefused, addrs[i], addrs[j])
	}
	tables := make([]bytes.Buffer, len(targets)) // of --dry-run
	err = load.Several(ctx, addrs, targets[0].quiet, log, func(i int, log io.Writer, show func(func() progress.Snapshot) func()) error {
		o := targets[i]
		o.progress = show
		return loadFrom(ctx, a.Feed(), o, &tables[i], log)
	})
	for i := range tables {
		if _, werr := tables[i].WriteTo(out); werr != nil {
			return werr
		}
	}
	return err
}

// loadOne loads a whole dump into one target. It returns a LeftOut error if something did not reach
// the target. Out is for the table of --dry-run, log for all else.
func loadOne(ctx context.Context, o loadOptions, out, log io.Writer) (err error) {
	feed, done, err := load.OpenFeed(ctx, o.feed(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := o.location().Check(feed.Archive().IsEncrypted()); err != nil {
		return err
	}
	return loadFrom(ctx, feed, o, out, log)
}

// feed says where the dump is.
func (o *loadOptions) feed() load.FeedOptions {
	return load.FeedOptions{
		Dump: o.in, Identities: o.keys.Identities, Workers: o.threads, Follow: o.follow, Stdin: o.stdin, Spool: o.spool, Filter: o.filter, MapDB: o.mapDB,
	}
}

// loadFrom is loadOne with the dump open.
func loadFrom(ctx context.Context, feed *archive.Feed, o loadOptions, out, log io.Writer) (err error) {
	a := feed.Archive()
	o.dump = a.Manifest.Dump
	feed.Begin(o.wants)
	units := load.Coming(a, &o.filter)
	if feed.Finished() {
		if units, err = o.chosen(a); err != nil {
			return err
		}
	}
	if !o.dryRun {
		report.SayPartial(log, a.Manifest.Options)
	}
	own := loadstate.AssignUnits(o.share, units)
	if feed.Finished() {
		feed.Choose(own)
	}
	if o.writer.Keyspaces, err = load.Keyspaces(o.mapDB, o.own(), units); err != nil {
		return err
	}
	if o.rewrite.Conflict == rewrite.Suffix && a.Manifest.Conflicts > 0 {
		fmt.Fprintf(log, "looking whether the new names of %s are free\n", progress.Plural(a.Manifest.Conflicts, "conflict", "conflicts"))
	}
	rules, err := o.rewrite.Rules(a, &o.filter)
	var names error
	if errors.Is(err, errRefused) {
		rules, names = nil, err
	} else if err != nil {
		return err
	}
	list := &leftout.Report{Path: o.report}
	p := &preflight{o: &o, feed: feed, own: own, rules: rules, log: log}
	if names == nil {
		o.writer.Rename, o.writer.Expire = rules.Rename, rules.ExpireFunc()
	}
	throttle := load.NewThrottle(o.limits, &o.writer, o.threads, func(text string) { fmt.Fprintln(log, text) })
	start := time.Now()
	if err = p.look(ctx, names); err == nil && o.dryRun {
		report.SayPartial(out, a.Manifest.Options)
		return p.show(out)
	}
	if err == nil {
		err = p.pass(ctx)
	}
	if err != nil {
		tune.Remind(o.location().Root(nil), log)
		return err
	}
	l, root := p.l, p.state.Root
	fmt.Fprintf(log, "target: %s\n", l.Target())
	b := o.binding(a, l)
	state, err := p.state.Open(ctx, b, journal.Options{Every: o.checkpoint, Before: list.Flush})
	if err != nil {
		return err
	}
	j := state.Journal
	if storage.IsURL(root) {
		list.Store = state.Store
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if !storage.IsURL(root) {
		if err := tune.RestoreLeft(ctx, l, j.Path(), log); err != nil {
			if o.tune {
				return err
			}
			fmt.Fprintln(log, "warning:", err)
		}
	}
	if err := o.begin(ctx, a, l, state, b, rules, log); err != nil {
		return err
	}
	rules.Begin(j.Bound().Now, a.Manifest)
	list.Beside(j)
	there := o.presence(l, j, rules, log)
	if state.Phase == loadstate.Finished {
		return o.conclude(ctx, feed, there, rules, list, nil, 0, log)
	}
	l.Fence(loadstate.Fence(j.Bound(), o.share, state.Phase == loadstate.Resumed && !j.IsIdle(), j))
	if state.Phase == loadstate.Resumed {
		if err := j.SetIdle(false); err != nil {
			return err
		}
		if err := list.Resume(j); err != nil {
			return err
		}
	}
	if o.report != "" {
		if err := list.Open(); err != nil {
			return fmt.Errorf("%w: --report: %w; give a file that can be written", errRefused, err)
		}
	}
	sent := j.Stats().Commands
	var sample load.PassingSample
	to := load.TransferOptions{
		Feed: feed, Target: l, Journal: j, Workers: o.threads, Keep: o.filter.Key(), Retry: o.retry(log), MaxErrors: o.maxErrors,
		StallTimeout: o.stallTimeout, Throttle: throttle, LeftOut: list.Add, Log: log,
		Reconnected: func(ctx context.Context, begun []archive.Unit) error {
			if o.in == loadstate.Stream {
				begun = nil // they cannot be read again
			}
			once := *there
			once.Retry = retry.Policy{} // the worker tries again
			return once.Check(ctx, a, begun, log)
		},
	}
	if o.in == loadstate.Stream && !o.verify {
		to.Loaded = func(u archive.Unit) error { return sample.Add(there, a, u) }
	}
	if !o.quiet {
		to.Progress = o.progress
		if to.Progress == nil {
			to.Progress = func(s func() progress.Snapshot) func() { return progress.Start(log, s) }
		}
	}
	if !o.share.IsAll() && feed.Finished() {
		fmt.Fprintf(log, "share %s: %d of %d parts, %s of %s\n", o.share, len(own), len(units), progress.Bytes(loadstate.Stored(own)), progress.Bytes(loadstate.Stored(units)))
	}
	transfer := func() error { return load.Transfer(ctx, to) }
	if o.tune {
		err = tune.With(ctx, l, j.Path(), log, transfer)
	} else {
		err = transfer()
	}
	if n := l.Redirected(); n > 0 {
		fmt.Fprintf(log, "%s sent once more: slots of the cluster moved, or nobody served them\n", progress.Plural(n, "command was", "commands were"))
	}
	noted := j.Checkpoint()
	if noted == nil && l.IsSettled() {
		noted = j.SetIdle(true)
	}
	err = errors.Join(err, noted)
	if err := errors.Join(err, list.Close()); err != nil {
		if errors.Is(err, errRefused) {
			return err // it says what is to be done, and that is no --resume
		}
		return load.Unfinished(err, j, o.in)
	}
	if err := j.Finish(); err != nil {
		return err
	}
	took := time.Since(start)
	if state.Phase == loadstate.Resumed && j.Stats().Commands == sent {
		fmt.Fprintln(log, "nothing was sent: all of the dump was loaded before")
		took = 0
	}
	return o.conclude(ctx, feed, there, rules, list, sample.Keys(), took, log)
}

// conclude ends a load that is done, now or by an earlier run: it shows what was loaded, and compares if that is wanted.
func (o *loadOptions) conclude(ctx context.Context, feed *archive.Feed, there *load.Presence, rules *rewrite.Rules, report *leftout.Report, sample []load.LoadedKey, took time.Duration, log io.Writer) error {
	j := there.Journal
	var gone error
	if !o.verify {
		gone = o.lookBack(ctx, feed, there, sample, report)
	}
	left := load.Summarize(log, j.Stats(), report.Path, took)
	if !o.verify {
		return errors.Join(gone, o.unsure(j.Unsure()), left)
	}
	if err := feed.Wait(ctx); err != nil {
		return errors.Join(err, left)
	}
	vo := verifyOptions{commonOptions: o.commonOptions, rounds: 2}
	if left != nil {
		vo.left = report.Read
	}
	return errors.Join(verifyWith(ctx, feed.Archive(), rules, &vo, log, log), left)
}

// begin begins the journal if the load is fresh, and says which load this is.
func (o *loadOptions) begin(ctx context.Context, a *archive.Archive, l *writer.Loader, state *loadstate.Opened, b journal.Binding, rules *rewrite.Rules, log io.Writer) error {
	before := func(ctx context.Context) error {
		if err := l.Probe(ctx); err != nil {
			return err
		}
		if o.undo == "" {
			return nil
		}
		return saveUndo(ctx, a, l, rules, &o.commonOptions, o.undo, log)
	}
	empty := func(ctx context.Context) (bool, error) { return o.targetIsEmpty(ctx, l) }
	kept, err := state.Begin(ctx, b, empty, before)
	if kept != "" {
		fmt.Fprintf(log, "the journal of the load before is kept as %s\n", kept)
	}
	switch {
	case err != nil:
	case state.Phase == loadstate.Finished:
		fmt.Fprintln(log, "nothing is sent:", state.Found)
	case state.Phase == loadstate.Resumed:
		fmt.Fprintln(log, state.Found)
	}
	return err
}

// targetIsEmpty reports whether a target holds nothing, and refuses one that must be empty.
func (o *loadOptions) targetIsEmpty(ctx context.Context, l *writer.Loader) (bool, error) {
	dbs := slices.Sorted(maps.Keys(o.writer.Keyspaces))
	if o.writer.OnExists != writer.Fail {
		n, _, err := load.CountKeys(ctx, l, dbs, 1)
		return n == 0, err
	}
	n, more, err := load.CountKeys(ctx, l, dbs, countLimit)
	if err != nil {
		return false, err
	}
	return true, refusal(o.server.Addr, []writer.Check{writer.CheckEmpty(n, more)})
}

// checkPresence makes sure that the target still holds what the journal says was loaded. Of a dump
// that has not come yet only the number of keys is looked at.
func (o *loadOptions) checkPresence(ctx context.Context, there *load.Presence, feed *archive.Feed, units []archive.Unit, phase loadstate.Phase, log io.Writer) error {
	a := feed.Archive()
	switch {
	case feed.Finished():
	case phase == loadstate.Finished && o.follow: // the manifest was there when the load was finished
		whole, err := archive.Open(ctx, o.in, 1, o.keys.Identities...)
		if err != nil {
			return err
		}
		defer whole.Close()
		a, units = whole, loadstate.AssignUnits(o.share, o.units(whole))
	default:
		units = nil
	}
	return there.Check(ctx, a, units, log)
}

// lookBack looks for keys of a load that is done, and notes in the journal that some are gone.
func (o *loadOptions) lookBack(ctx context.Context, feed *archive.Feed, there *load.Presence, keys []load.LoadedKey, list *leftout.Report) (err error) {
	var left func() (io.ReadCloser, error)
	if there.Journal.Stats().Left() > 0 {
		left = list.Readable()
	}
	if a := feed.Archive(); o.in != loadstate.Stream && feed.Finished() {
		if keys, err = there.Sample(a, loadstate.AssignUnits(o.share, o.units(a)), load.LookedChunks, left != nil); err != nil {
			return err
		}
	}
	why, err := there.Missing(ctx, keys, left)
	if err != nil || why == "" {
		return err
	}
	return there.Journal.BeUnsure(why)
}

// chosen returns the parts of the dump that are to be loaded, and refuses to load or compare none of a dump that holds keys: a success with nothing done proves nothing.
func (o *commonOptions) chosen(a *archive.Archive) ([]archive.Unit, error) {
	units := o.units(a)
	if len(units) > 0 || report.Keys(a.Manifest.Totals) == 0 {
		return units, nil
	}
	var has []string
	for _, t := range a.Manifest.Totals {
		if t.Keys == 0 {
			continue
		}
		has = append(has, fmt.Sprintf("db%d %s (%s)", t.DB, t.Type, progress.Count(t.Keys)))
	}
	return nil, fmt.Errorf("%w: --db and --type choose none of the dump's keys; it has %s", errRefused, strings.Join(has, ", "))
}

// countLimit is up to how many keys of a target are counted to say how many it has.
const countLimit = 100_000
