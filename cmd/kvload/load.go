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
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// load loads a whole dump. It returns a LeftOut error if something did not reach
// the target. Out is for the table of --dry-run, log for all else.
func load(ctx context.Context, o loadOptions, out, log io.Writer) (err error) {
	feed, done, err := openFeed(ctx, &o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := o.mayStandBeside(feed.Archive()); err != nil {
		return err
	}
	return loadFrom(ctx, feed, o, out, log)
}

// loadFrom is load with the dump open.
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
	own := take(o.share, units)
	if feed.Finished() {
		feed.Choose(own)
	}
	if o.writer.Keyspaces, err = places(&o, units); err != nil {
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
	rester := pacer(o.slow, &o.writer, o.threads, log)
	start := time.Now()
	if err = p.look(ctx, names); err == nil && o.dryRun {
		report.SayPartial(out, a.Manifest.Options)
		return p.show(out)
	}
	if err == nil {
		err = p.pass(ctx)
	}
	if err != nil {
		tune.Remind(o.statePath(nil), log)
		return err
	}
	l, root := p.l, p.state.root
	fmt.Fprintf(log, "target: %s\n", l.Target())
	j, store, err := o.openJournal(ctx, root, o.share, journal.Options{Every: o.checkpoint, Before: list.flush})
	if err != nil {
		return err
	}
	if storage.IsURL(root) {
		list.store = store
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
	before, err := p.state.begin(ctx, a, l, j, cs, &o, log)
	if err != nil {
		return err
	}
	o.ttl.begin(j.Bound().Now, a.Manifest)
	list.of(j)
	r := remainder{&o, l, j, cs, o.again(log)}
	if before == finished {
		return conclude(ctx, feed, &r, list, &passedKeys{}, 0, log)
	}
	l.Fence(fence(j.Bound(), o.share, before == resumed && !j.IsIdle(), j))
	if before == resumed {
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
	ld := &loading{a: a, l: l, j: j, cs: cs, o: &o, log: log, rester: rester, left: list.add}
	sent := j.Stats().Commands
	ld.refused.Store(j.Stats().LeftOut[writer.ReasonRefused])
	if !o.share.IsAll() && feed.Finished() {
		fmt.Fprintf(log, "share %s: %d of %d parts, %s of %s\n", o.share, len(own), len(units), progress.Bytes(stored(own)), progress.Bytes(stored(units)))
	}
	load := func() error { return ld.load(ctx, feed) }
	if o.tune {
		err = tune.With(ctx, l, j.Path(), log, load)
	} else {
		err = load()
	}
	ld.sayDelayed()
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
	if before == resumed && j.Stats().Commands == sent {
		fmt.Fprintln(log, "nothing was sent: all of the dump was loaded before")
		took = 0
	}
	return conclude(ctx, feed, &r, list, &ld.passed, took, log)
}

// conclude ends a load that is done, now or by an earlier run: it shows what was loaded, and compares if that is wanted.
func conclude(ctx context.Context, feed *archive.Feed, r *remainder, report *leftOutReport, passed *passedKeys, took time.Duration, log io.Writer) error {
	o, j := r.o, r.j
	var gone error
	if !o.verify {
		gone = r.lookBack(ctx, feed, passed, report)
	}
	left := summarize(log, j.Stats(), report.path, took)
	if !o.verify {
		return errors.Join(gone, o.unsure(j.Unsure()), left)
	}
	if err := feed.Wait(ctx); err != nil {
		return errors.Join(err, left)
	}
	vo := verifyOptions{loadOptions: *o, rounds: 2}
	vo.report = ""
	if left != nil {
		vo.left = report.read
	}
	return errors.Join(verifyWith(ctx, feed.Archive(), r.cs, &vo, log, log), left)
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

// units returns the parts of the dump that are to be loaded.
func (o *loadOptions) units(a *archive.Archive) []archive.Unit {
	return a.Units(o.wants)
}

// chosen returns them, and refuses to load or compare none of a dump that holds keys: a success with nothing done proves nothing.
func (o *loadOptions) chosen(a *archive.Archive) ([]archive.Unit, error) {
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

// openDump opens a finished dump that was loaded, and finds out where its databases went and under which names.
func (o *loadOptions) openDump(ctx context.Context) (a *archive.Archive, cs *conflicts, err error) {
	if a, err = archive.Open(ctx, o.in, o.threads, o.keys.Identities...); err != nil {
		return nil, nil, err
	}
	o.dump = a.Manifest.Dump
	if o.writer.Keyspaces, err = places(o, o.units(a)); err == nil {
		cs, err = readConflicts(a, &o.filter, o.conflict, o.prefix)
	}
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, cs, nil
}

// openTarget connects to the target and shows what it is.
func openTarget(ctx context.Context, o *loadOptions, log io.Writer) (*writer.Loader, error) {
	l, err := writer.Open(ctx, o.writer)
	if err != nil {
		return nil, perhapsTLS(err)
	}
	fmt.Fprintf(log, "target: %s\n", l.Target())
	return l, nil
}

// perhapsTLS adds what a connection that ends at once may mean.
func perhapsTLS(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls)", err)
	}
	return err
}

// places returns where each database of the units goes. Databases are never merged.
func places(o *loadOptions, units []archive.Unit) (map[int]writer.Keyspace, error) {
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

// countKeys counts the keys at the places of the load, up to limit or a little above.
func countKeys(ctx context.Context, l *writer.Loader, o *loadOptions, limit int) (n int, more bool, err error) {
	for _, db := range slices.Sorted(maps.Keys(o.writer.Keyspaces)) {
		here, above, err := l.CountKeys(ctx, db, limit)
		if err != nil {
			return 0, false, err
		}
		n += here
		more = more || above
		if more || n >= limit {
			break
		}
	}
	return n, more, nil
}

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
