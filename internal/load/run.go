package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/preimage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

// Run loads a dump into a target. It returns an exitcode.LeftOutError if something did not reach
// the target. Out is for the table of DryRun, log for all else.
func Run(ctx context.Context, o Options, out, log io.Writer) (err error) {
	o.Summarize("load")
	feed, done, err := openFeed(ctx, &o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if err := o.Location().Check(feed.Archive().IsEncrypted()); err != nil {
		return err
	}
	return runFrom(ctx, feed, o, out, log)
}

// phase is that of a load in a Meter.
const phase = "load"

// A job is a load into one target, with the dump open.
type job struct {
	Options
	feed  *archive.Feed
	units []archive.Unit // of all shards
	own   []archive.Unit // of this one
	rules *rewrite.Rules // nil: the names are refused
	retry retry.Policy
	log   io.Writer

	throttle *Throttle // nil: nothing slows the load down

	delta     *format.Delta     // nil: a full dump is loaded
	before    *loadstate.Before // the load that a delta follows; nil: none is known
	notBefore error             // why not
	after     *journal.After
}

// runFrom is Run with the dump open.
func runFrom(ctx context.Context, feed *archive.Feed, o Options, out, log io.Writer) error {
	j := &job{Options: o, feed: feed, retry: o.Retry(log), log: log}
	names, err := j.choose(ctx)
	if err != nil {
		return err
	}
	throttle := NewThrottle(j.Limits, &j.Target, j.Workers, j.Meter, func(text string) { fmt.Fprintln(log, text) })
	p := &inspection{job: j}
	if err = p.look(ctx, names); err == nil && j.DryRun {
		j.Summary.DryRun = true
		report.SayPartial(out, feed.Archive().Manifest.Options)
		return p.show(out)
	}
	if err == nil {
		err = p.pass(ctx)
	}
	if err != nil {
		tune.Remind(j.Location().Root(nil), log)
		return err
	}
	j.Summary.Target = fmt.Sprint(p.l.Target)
	fmt.Fprintf(log, "target: %s\n", p.l.Target)
	j.throttle = throttle
	return j.load(ctx, p.l, p.state)
}

// choose finds out what is loaded, and where to. Names is why the names are refused, if they are.
func (j *job) choose(ctx context.Context) (names, err error) {
	a := j.feed.Archive()
	j.ID = a.Manifest.Dump
	j.Summary.Of(a.Manifest, j.Dump)
	logging.SetDump(j.log, j.ID)
	if err := j.checkBase(a); err != nil {
		return nil, err
	}
	if j.delta = a.Manifest.Delta; j.delta != nil {
		if err := j.asDelta(ctx); err != nil {
			return nil, err
		}
	}
	j.feed.Begin(j.Wants)
	j.units = coming(a, &j.Filter)
	if j.feed.Finished() {
		if j.units, err = j.ChosenUnits(a); err != nil {
			return nil, err
		}
	}
	if !j.DryRun {
		report.SayPartial(j.log, a.Manifest.Options)
	}
	j.own = loadstate.AssignUnits(j.Shard, j.units)
	if j.feed.Finished() {
		j.feed.Choose(j.own)
	}
	touched := j.units
	if j.delta != nil {
		touched = j.touched(a, j.before)
	}
	if j.Target.Target.Keyspaces, err = Keyspaces(j.MapDB, j.Own, touched); err != nil {
		return nil, err
	}
	j.reachBefore()
	if j.Rewrite.Conflict == rewrite.Suffix && a.Manifest.Conflicts > 0 {
		fmt.Fprintf(j.log, "looking whether the new names of %s are free\n", progress.Plural(a.Manifest.Conflicts, "conflict", "conflicts"))
	}
	j.rules, err = j.Rules(ctx, a)
	if errors.Is(err, exitcode.ErrRefused) {
		j.rules = nil
		return err, nil
	}
	if err == nil {
		j.Target.Rename, j.Target.Expire = j.rules.Rename, j.rules.ExpireFunc()
	}
	return nil, err
}

// load loads a target that has passed the preflight.
func (j *job) load(ctx context.Context, l *writer.Loader, seen *loadstate.State) (err error) {
	list := &leftout.Report{Path: j.Report}
	id := j.identityOf(l)
	state, err := seen.Open(ctx, id, journal.Options{Every: j.Checkpoint, Before: list.Flush})
	if err != nil {
		return err
	}
	jn := state.Journal
	defer func() { err = errors.Join(err, jn.Close()) }()
	if storage.IsURL(state.Root) {
		list.Store = jn.Store()
	} else if err := tune.RestoreLeft(ctx, l.Target, jn.Path(), j.log); err != nil {
		if j.Tune {
			return err
		}
		fmt.Fprintln(j.log, "warning:", err)
	}
	if state.Phase != loadstate.Finished && !j.Chained {
		deltas, err := j.Location().LockDeltas(ctx, state.Root)
		if err != nil {
			return err
		}
		defer deltas.Unlock()
	}
	if id.Raw, err = j.Method.choose(ctx, j, l, state); err != nil {
		return err
	}
	j.Raw, id.Accept = id.Raw, strings.Join(j.Accept, ",")
	doubts, stopped := &loadstate.PassingDoubts{}, state.Phase == loadstate.Resumed && !jn.IsIdle()
	if j.before != nil && !j.BaseLoaded { // who says that knows
		doubts = j.before.Doubts()
	}
	if state.Phase != loadstate.Finished { // before anything is written, also a probe
		f := loadstate.Fence(id, j.Shard, stopped, doubts)
		f.Name = "" // a run that is killed before it begins is in nobody's way
		l.Fence(f)
	}
	if err := j.begin(ctx, l, state, id); err != nil {
		return err
	}
	Begin(j.rules, jn.Bound(), j.feed.Archive().Manifest)
	list.Beside(jn)
	there := j.Presence(l, jn, j.rules, j.retry)
	if state.Phase == loadstate.Finished {
		j.Summary.Resumed(countsOf(jn.Stats()), jn.Began(), jn.Finished())
		return j.conclude(ctx, there, list, nil)
	}
	if err := doubts.Pass(jn); err != nil {
		return err
	}
	l.Fence(loadstate.Fence(jn.Bound(), j.Shard, stopped, jn))
	if state.Phase == loadstate.Resumed {
		if err := errors.Join(jn.SetIdle(false), list.Resume(jn)); err != nil {
			return err
		}
	}
	if j.Report != "" {
		if err := list.Open(); err != nil {
			return fmt.Errorf("%w: --report: %w; give a file that can be written", exitcode.ErrRefused, err)
		}
	}
	if !j.Shard.IsAll() && j.feed.Finished() {
		fmt.Fprintf(j.log, "shard %s: %d of %d parts, %s of %s\n", j.Shard, len(j.own), len(j.units), progress.Bytes(loadstate.Stored(j.own)), progress.Bytes(loadstate.Stored(j.units)))
	}
	sent := jn.Stats().Commands
	if state.Phase == loadstate.Resumed {
		j.Summary.Resumed(countsOf(jn.Stats()), jn.Began(), jn.Finished())
	}
	early := !j.feed.Finished()
	sample, err := j.transfer(ctx, l, there, list)
	if err != nil {
		j.reached(jn, list)
		if errors.Is(err, exitcode.ErrRefused) {
			return err // it says what is to be done, and that is no --resume
		}
		return j.unfinished(err, jn)
	}
	if n := j.feed.Archive().Manifest.Conflicts; early && n > 0 {
		err = jn.BeUnsure(progress.Plural(n, "name", "names") + " changed type while the dump was made (all in " + format.ConflictsName + ")")
	}
	if err := errors.Join(err, jn.Finish()); err != nil {
		return err
	}
	if state.Phase == loadstate.Resumed && jn.Stats().Commands == sent {
		fmt.Fprintln(j.log, "nothing was sent: all of the dump was loaded before")
	}
	return j.conclude(ctx, there, list, sample)
}

// leftOut lists what is left out, and says at once what surprises only those who do not know of it:
// no preflight check can see a hyperloglog, which a dump holds among its strings.
func (j *job) leftOut(list *leftout.Report) func(unit string, l writer.LeftOut) {
	var hll sync.Once
	return func(unit string, l writer.LeftOut) {
		list.Add(unit, l)
		if l.Reason == writer.ReasonHyperLogLog {
			hll.Do(func() {
				fmt.Fprintln(j.log, "warning: the dump has hyperloglogs, which are left out (exit code 3); --hyperloglog string stores their bytes")
			})
		}
	}
}

// transfer loads the units, and brings the journal and the list of what was left out up to date,
// however that ends. It returns a sample of the keys of a stream.
func (j *job) transfer(ctx context.Context, l *writer.Loader, there *Presence, list *leftout.Report) ([]LoadedKey, error) {
	a, jn := j.feed.Archive(), there.Journal
	var sample PassingSample
	phase := phase
	if j.Shared { // the loads into all targets are one
		phase = ""
	}
	o := TransferOptions{
		Feed: j.feed, Target: l, Journal: jn, Workers: j.Workers, Keep: j.Filter.Key(), Retry: j.retry, MaxErrors: j.MaxErrors,
		StallTimeout: j.StallTimeout, Throttle: j.throttle, LeftOut: j.leftOut(list), Meter: j.Meter, Phase: phase, Log: j.log, There: there,
		Reconnected: func(ctx context.Context, begun []archive.Unit) error {
			if j.isStream() {
				begun = nil // they cannot be read again
			}
			once := *there
			once.Retry = retry.Policy{} // the worker tries again
			return once.Check(ctx, a, begun, j.log)
		},
	}
	if j.isStream() && j.Verify == nil {
		o.Loaded = func(u archive.Unit) error { return sample.Add(there, a, u) }
	}
	write := func() error {
		if j.delta != nil {
			gone := deletions{j.rules, j.DBs(), j.retry, j.throttle}
			if err := gone.run(ctx, l, jn); err != nil {
				return err
			}
		}
		return Transfer(ctx, o)
	}
	var err error
	if j.Tune {
		err = tune.With(ctx, l.Target, jn.Path(), j.log, write)
	} else {
		err = write()
	}
	if n := l.Redirected(); n > 0 {
		fmt.Fprintf(j.log, "%s sent once more: slots of the cluster moved, or nobody served them\n", progress.Plural(n, "command was", "commands were"))
	}
	noted := jn.Checkpoint()
	jn.Retried(j.Summary.Retrying())
	if noted == nil && l.IsSettled() {
		noted = jn.SetIdle(true)
	}
	return sample.keys, errors.Join(err, noted, list.Close())
}

// begin begins the journal if the load is fresh, and says which load this is.
func (j *job) begin(ctx context.Context, l *writer.Loader, state *loadstate.Opened, id journal.Identity) (err error) {
	before := func(ctx context.Context) (saved string, err error) {
		if err := preflight.Probe(ctx, l.Target); err != nil || j.Undo == "" {
			return "", err
		}
		return j.save(ctx, l)
	}
	empty := func(ctx context.Context) (bool, error) { return j.targetIsEmpty(ctx, l) }
	if j.before != nil && state.Phase == loadstate.Fresh { // it is not to be undone meanwhile
		release, lerr := j.before.Lock(ctx, journal.Next{Dump: j.ID, Number: j.Number, Root: storage.Abs(state.Root), Place: storage.Abs(j.Dump)})
		if lerr != nil {
			return lerr
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	kept, err := state.Begin(ctx, id, empty, before)
	if kept != "" {
		fmt.Fprintf(j.log, "the journal of the load before is kept as %s\n", kept)
	}
	switch {
	case err != nil:
	case state.Phase == loadstate.Finished && j.Chained:
		fmt.Fprintf(j.log, "delta %d was loaded before: nothing is sent of it\n", j.Number)
	case state.Phase == loadstate.Finished:
		fmt.Fprintln(j.log, "nothing is sent:", state.Found)
	case state.Phase == loadstate.Resumed:
		fmt.Fprintln(j.log, state.Found)
	}
	return err
}

// save saves the keys that will be overwritten, in a dump whose id it returns.
func (j *job) save(ctx context.Context, l *writer.Loader) (id string, err error) {
	id, keys, err := preimage.Save(ctx, preimage.Options{
		Dump: j.feed.Archive(), Filter: j.Filter, Rules: j.rules, DBs: j.DBs(), Target: l, Workers: j.Workers, Retry: j.retry,
		To: j.Undo, Tool: j.Tool, Keys: j.Keys, BreakLock: j.BreakLock, Log: j.log,
	})
	if err == nil {
		fmt.Fprintf(j.log, "saved %s that will be overwritten in %s\n", progress.Plural(keys, "key", "keys"), j.Undo)
	}
	return id, err
}

// targetIsEmpty reports whether a target holds nothing, and refuses one that must be empty.
func (j *job) targetIsEmpty(ctx context.Context, l *writer.Loader) (bool, error) {
	must, limit := j.Target.OnExists == writer.Fail, 1
	if must {
		limit = countLimit
	}
	n, more, err := l.Count(ctx, limit, j.DBs()...)
	if err != nil || !must {
		return n == 0, err
	}
	return true, refusal(j.Target.Target.Addr, []preflight.Check{preflight.CheckEmpty(n, more)})
}

// checkPresence makes sure that the target still holds what the journal says was loaded. Of a dump
// that has not come yet only the number of keys is looked at.
func (j *job) checkPresence(ctx context.Context, there *Presence, phase loadstate.Phase) error {
	a, units := j.feed.Archive(), j.own
	switch {
	case j.feed.Finished():
	case phase == loadstate.Finished && j.Follow: // the manifest was there when the load was finished
		whole, err := archive.Open(ctx, j.Dump, 1, j.Keys.Identities...)
		if err != nil {
			return err
		}
		defer whole.Close()
		a, units = whole, loadstate.AssignUnits(j.Shard, j.Units(whole))
	default:
		units = nil
	}
	return there.Check(ctx, a, units, j.log)
}
