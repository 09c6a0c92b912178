package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// loadOne loads a whole dump into one target. It returns a LeftOut error if something did not reach
// the target. Out is for the table of --dry-run, log for all else.
func loadOne(ctx context.Context, o loadOptions, out, log io.Writer) (err error) {
	feed, done, err := openFeed(ctx, &o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := o.location().Check(feed.Archive().IsEncrypted()); err != nil {
		return err
	}
	return loadFrom(ctx, feed, o, out, log)
}

// loadFrom is loadOne with the dump open.
func loadFrom(ctx context.Context, feed *archive.Feed, o loadOptions, out, log io.Writer) (err error) {
	a := feed.Archive()
	o.dump = a.Manifest.Dump
	feed.Begin(o.wants)
	units := o.coming(a)
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
	if o.writer.Keyspaces, err = places(&o.commonOptions, units); err != nil {
		return err
	}
	if o.conflict == conflictSuffix && a.Manifest.Conflicts > 0 {
		fmt.Fprintf(log, "looking whether the new names of %s are free\n", progress.Plural(a.Manifest.Conflicts, "conflict", "conflicts"))
	}
	cs, err := readConflicts(a, &o.filter, o.conflict, o.prefix)
	var names error
	if errors.Is(err, errRefused) {
		cs, names = nil, err
	} else if err != nil {
		return err
	}
	list := &leftOutReport{path: o.report}
	p := &preflight{o: &o, feed: feed, own: own, cs: cs, log: log}
	if names == nil {
		o.writer.Rename, o.writer.Expire = cs.rename, o.ttl.expire()
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
	state, err := p.state.Open(ctx, b, journal.Options{Every: o.checkpoint, Before: list.flush})
	if err != nil {
		return err
	}
	j := state.Journal
	if storage.IsURL(root) {
		list.store = state.Store
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
	if err := o.begin(ctx, a, l, state, b, cs, log); err != nil {
		return err
	}
	o.ttl.begin(j.Bound().Now, a.Manifest)
	list.of(j)
	there := o.presence(l, j, cs, log)
	if state.Phase == loadstate.Finished {
		return o.conclude(ctx, feed, there, cs, list, nil, 0, log)
	}
	l.Fence(loadstate.Fence(j.Bound(), o.share, state.Phase == loadstate.Resumed && !j.IsIdle(), j))
	if state.Phase == loadstate.Resumed {
		if err := j.SetIdle(false); err != nil {
			return err
		}
		if err := list.resume(j); err != nil {
			return err
		}
	}
	if o.report != "" {
		if err := list.open(); err != nil {
			return fmt.Errorf("%w: --report: %w; give a file that can be written", errRefused, err)
		}
	}
	sent := j.Stats().Commands
	var sample load.PassingSample
	to := load.TransferOptions{
		Feed: feed, Target: l, Journal: j, Workers: o.threads, Keep: o.filter.Key(), Retry: o.retry(log), MaxErrors: o.maxErrors,
		StallTimeout: o.stallTimeout, Throttle: throttle, LeftOut: list.add, Log: log,
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
		to.Progress = func(s func() progress.Snapshot) func() { return o.progress(log, s) }
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
	if err := errors.Join(err, list.close()); err != nil {
		if errors.Is(err, errRefused) {
			return err // it says what is to be done, and that is no --resume
		}
		return unfinished(err, j, o.in)
	}
	if err := j.Finish(); err != nil {
		return err
	}
	took := time.Since(start)
	if state.Phase == loadstate.Resumed && j.Stats().Commands == sent {
		fmt.Fprintln(log, "nothing was sent: all of the dump was loaded before")
		took = 0
	}
	return o.conclude(ctx, feed, there, cs, list, sample.Keys(), took, log)
}

// conclude ends a load that is done, now or by an earlier run: it shows what was loaded, and compares if that is wanted.
func (o *loadOptions) conclude(ctx context.Context, feed *archive.Feed, there *load.Presence, cs *conflicts, report *leftOutReport, sample []load.LoadedKey, took time.Duration, log io.Writer) error {
	j := there.Journal
	var gone error
	if !o.verify {
		gone = o.lookBack(ctx, feed, there, sample, report)
	}
	left := summarize(log, j.Stats(), report.path, took)
	if !o.verify {
		return errors.Join(gone, o.unsure(j.Unsure()), left)
	}
	if err := feed.Wait(ctx); err != nil {
		return errors.Join(err, left)
	}
	vo := verifyOptions{commonOptions: o.commonOptions, rounds: 2}
	if left != nil {
		vo.left = report.read
	}
	return errors.Join(verifyWith(ctx, feed.Archive(), cs, &vo, log, log), left)
}

// begin begins the journal if the load is fresh, and says which load this is.
func (o *loadOptions) begin(ctx context.Context, a *archive.Archive, l *writer.Loader, state *loadstate.Opened, b journal.Binding, cs *conflicts, log io.Writer) error {
	before := func(ctx context.Context) error {
		if err := l.Probe(ctx); err != nil {
			return err
		}
		if o.undo == "" {
			return nil
		}
		return saveUndo(ctx, a, l, cs, &o.commonOptions, o.undo, log)
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
func (o *loadOptions) lookBack(ctx context.Context, feed *archive.Feed, there *load.Presence, keys []load.LoadedKey, list *leftOutReport) (err error) {
	var left func() (io.ReadCloser, error)
	if there.Journal.Stats().Left() > 0 {
		left = list.readable()
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

// unfinished adds to the error of a load what is on the target, and how the load can be resumed.
func unfinished(err error, j *journal.Journal, dump string) error {
	where := "nothing of the dump is on the target"
	if j.MayHaveSent() {
		where = "part of the dump is on the target"
	}
	if errors.As(err, new(*format.CorruptError)) {
		return fmt.Errorf("%w (%s: kvload check %s names every damaged file; fetch them again, then run again with --resume; "+
			"%s says how far it is)", err, where, dump, j.Path())
	}
	return fmt.Errorf("%w (%s: run again with --resume; %s says how far it is)", err, where, j.Path())
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

// perhapsTLS adds what a connection that ends at once may mean.
func perhapsTLS(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls)", err)
	}
	return err
}

// places returns where each database of the units goes. Databases are never merged.
func places(o *commonOptions, units []archive.Unit) (map[int]writer.Keyspace, error) {
	dbs := map[int]bool{}
	for _, u := range units {
		dbs[u[0].DB] = true
	}
	sorted := slices.Sorted(maps.Keys(dbs))
	own := o.own()
	if o.mapDB == nil {
		switch len(sorted) {
		case 0:
			return map[int]writer.Keyspace{0: own}, nil
		case 1:
			return map[int]writer.Keyspace{sorted[0]: own}, nil
		}
		return nil, fmt.Errorf("%w: the dump has keys in databases %v, and Kvrocks has one keyspace per namespace: say where each goes, "+
			"as --map-db 0=default,1=TOKEN_VARIABLE, or load one of them with --db", errRefused, sorted)
	}
	chosen := map[int]writer.Keyspace{}
	for _, db := range sorted {
		p, ok := o.mapDB[db]
		if !ok {
			return nil, fmt.Errorf("%w: the dump has keys in database %d, which --map-db does not name; add it, or leave it out with --db", errRefused, db)
		}
		chosen[db] = p
	}
	if len(chosen) == 0 {
		chosen[0] = own
	}
	return chosen, nil
}

// countLimit is up to how many keys of a target are counted to say how many it has.
const countLimit = 100_000

// summarize shows what was loaded, by this run or, in no time, by those before, and returns a LeftOut error if something was not.
func summarize(w io.Writer, s checkpoint.Stats, list string, took time.Duration) error {
	if s.Keys == 0 && s.Expired == 0 && s.Short == 0 && len(s.LeftOut) == 0 {
		fmt.Fprintln(w, "NOTHING WAS LOADED: the dump, or this share of it, has no key that was chosen (--match)")
	}
	what := fmt.Sprintf("loaded %s with %s, %s", progress.Plural(s.Keys, "key", "keys"), progress.Plural(s.Elements, "element", "elements"), progress.Bytes(s.Bytes))
	if took > 0 {
		fmt.Fprintf(w, "%s, in %s\n", what, progress.Duration(max(took, time.Second)))
	} else {
		fmt.Fprintf(w, "earlier runs have %s\n", what)
	}
	if s.Expired > 0 {
		fmt.Fprintf(w, "%s expired since the dump: left out\n", progress.Plural(s.Expired, "key has", "keys have"))
	}
	if s.Short > 0 {
		fmt.Fprintf(w, "%s had less than --ttl-min to live: left out\n", progress.Plural(s.Short, "key", "keys"))
	}
	if s.Dropped > 0 {
		fmt.Fprintf(w, "deleted at the target: %s of those that were left out so (--on-exists replace)\n", progress.Count(s.Dropped))
	}
	if len(s.LeftOut) == 0 {
		return nil
	}
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(s.LeftOut)) {
		reasons = append(reasons, fmt.Sprintf("%s %s", progress.Count(s.LeftOut[r]), r))
	}
	return &command.LeftOut{Text: fmt.Sprintf("the load is done, but not everything is on the target (%s): see %s",
		strings.Join(reasons, ", "), list)}
}
