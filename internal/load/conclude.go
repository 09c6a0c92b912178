package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// conclude ends a load that is done, now or by an earlier run: it shows what was loaded, and
// compares if that is wanted. Sample is of the keys of a stream.
func (j *job) conclude(ctx context.Context, there *Presence, list *leftout.Report, sample []LoadedKey) error {
	jn := there.Journal
	left := j.loaded(jn, list)
	behind, err := loadstate.Behind(ctx, jn)
	j.SayBehind(ctx, behind, jn.Path(), j.log)
	if j.Verify == nil {
		if err == nil {
			err = j.lookBack(ctx, there, sample, list)
		}
		return errors.Join(err, j.unsure(behind, jn.Unsure()), left)
	}
	if err == nil {
		err = j.feed.Wait(ctx)
	}
	if err != nil {
		return errors.Join(err, left)
	}
	var leftOut func() (io.ReadCloser, error)
	if left != nil {
		leftOut = list.Readable(jn.Stats().Left())
	}
	spec := j.Spec
	if j.Shared {
		spec.Meter = nil // its phase is that of the other loads
		defer j.Meter.Wait(progress.Comparing, "comparing what was loaded")()
	}
	err = j.Verify(ctx, spec, j.feed.Archive(), j.rules, leftOut, j.log, j.log)
	if c := j.Summary.Comparison; c != nil && j.Shared {
		fmt.Fprintf(j.log, "compared %s\n", progress.Plural(c.Keys, "key", "keys"))
	}
	return errors.Join(err, j.compared(behind, jn, err), left)
}

// compared notes what a comparison has come to. That of a delta says nothing of what lies below.
func (j *job) compared(behind *loadstate.LaterError, jn *journal.Journal, err error) error {
	different := errors.As(err, new(*exitcode.DifferentError))
	switch {
	case err == nil && j.delta == nil:
		return jn.BeSure()
	case different && behind == nil && jn.Unsure() == "":
		err = jn.BeUnsure(fmt.Sprintf("the target %s was compared with dump %s, and is not equal", j.Target.Target.Addr, j.ID))
	default:
		err = nil
	}
	if j.delta != nil {
		err = errors.Join(err, j.unsure(behind, jn.Unsure()))
	}
	return err
}

// unsure is Unsure, but if deltas are loaded behind, all is to be compared.
func (s Spec) unsure(behind *loadstate.LaterError, why string) error {
	if behind != nil {
		s.Base, s.Dump, s.Number = cmp.Or(s.Base, s.Dump), behind.Place, behind.Number
	}
	return s.Unsure(why)
}

// lookBack looks for keys of a load that is done, and notes in the journal that some are gone.
func (j *job) lookBack(ctx context.Context, there *Presence, keys []LoadedKey, list *leftout.Report) (err error) {
	var left func() (io.ReadCloser, error)
	if n := there.Journal.Stats().Left(); n > 0 {
		left = list.Readable(n)
	}
	if a := j.feed.Archive(); !j.isStream() && j.feed.Finished() {
		if keys, err = there.sample(a, loadstate.AssignUnits(j.Shard, j.Units(a)), lookedChunks, left != nil); err != nil {
			return err
		}
	}
	gone, err := there.missed(ctx, keys, left, j.log)
	if err != nil || len(gone) == 0 {
		return err
	}
	return there.Journal.BeUnsure(there.lacks(len(gone), len(keys)))
}

// unfinished adds to the error of a load what is on the target, and how the load can be resumed.
func (j *job) unfinished(err error, jn *journal.Journal) error {
	again := "run again with --resume"
	if j.Chained {
		again = "run again"
	}
	where := "nothing of the dump is on the target"
	if jn.MayHaveSent() {
		where = "part of the dump is on the target"
	}
	return fmt.Errorf("%w (%s: %s; %s says how far it is)", err, where, again, jn.Path())
}

// reached says how far the load is. It returns a LeftOutError if something was left out.
func (j *job) reached(jn *journal.Journal, list *leftout.Report) error {
	m := format.Manifest{}
	for _, u := range j.own {
		m.Chunks = append(m.Chunks, u...)
	}
	m.SumUp()
	j.Summary.Totals = m.Totals
	if !j.Shard.IsAll() {
		j.Summary.Shard = j.Shard.String()
	}
	j.Summary.Deleted, _ = jn.Deleted()
	err := summarize(j.Summary, jn.Stats(), list.Where(jn.Stats().Left()), j.delta != nil || !j.Summary.Finished)
	j.Summary.File("journal", jn.Path())
	j.Summary.File("undo", j.Undo)
	if jn.Stats().Left() > 0 {
		j.Summary.File("report", list.Path)
	}
	return err
}

// loaded is reached for a load that is done.
func (j *job) loaded(jn *journal.Journal, list *leftout.Report) error {
	j.Summary.Finished = true
	j.Summary.Moved()
	if a := j.feed.Archive(); !j.isStream() {
		j.WarnLacks(a, "loaded", j.log)
	}
	if j.Shared { // the others go on: the summaries come at the end
		how := "loaded"
		if j.Summary.WasDone() {
			how = "loaded before:"
		}
		fmt.Fprintln(j.log, how, progress.Plural(jn.Stats().Keys, "key", "keys"))
	}
	return j.reached(jn, list)
}
