package rollback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Undo is RunChain of a chain, and else Run, or Clear if Flush is set.
func Undo(ctx context.Context, o Options, log io.Writer) error {
	chain, err := archive.IsChain(ctx, o.Dump)
	switch {
	case err != nil:
		return err
	case chain && (o.Flush || o.Undo != ""):
		return exitcode.Usagef("a chain is undone delta by delta, with what each has saved: leave --flush and --undo out")
	case chain:
		return RunChain(ctx, o, max(0, o.Behind), log)
	case o.Behind >= 0:
		return exitcode.Usagef("--to is for a chain of deltas, and %s is none", o.Dump)
	case o.Flush:
		return Clear(ctx, o, log)
	}
	return Run(ctx, o, log)
}

// RunChain undoes the loads of the deltas of a chain that are behind one, the last first; of 0 all,
// so that the target is as the base left it. What was stopped is resumed. The error is an
// exitcode.LeftOutError if keys that others have changed are left, of whichever delta.
func RunChain(ctx context.Context, o Options, behind int, log io.Writer) error {
	o.Summarize("rollback")
	deltas, last, err := loadchain.Begun(ctx, &o.Spec, behind, o.Force)
	if err != nil {
		return o.below(err)
	}
	o.Summary.Chain = &summary.Chain{Place: summary.Place(o.Dump), Number: last, LagSeconds: -1}
	o.Summary.Rollback = &summary.Rollback{}
	if len(deltas) == 0 {
		which := ""
		if behind > 0 {
			which = fmt.Sprintf(" behind %d", behind)
		}
		o.Summary.Note(fmt.Sprintf("no delta of the chain%s is loaded into %s: nothing was undone", which, o.Target.Target.Addr))
		return nil
	}
	newest := o.Spec
	newest.Number, newest.Dump, o.Summary.Chain.Number = deltas[0].Number, archive.DeltaPath(o.Dump, deltas[0].Number), deltas[0].Number
	lock, err := newest.Location().LockDeltas(ctx, deltas[0].Root)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	for _, d := range deltas {
		err := mustBeWhole(ctx, &o.Spec, archive.DeltaPath(o.Dump, d.Number), d.Undo, d.Saved)
		if err != nil {
			return fmt.Errorf("delta %d cannot be undone, and nothing was: %w%s", d.Number, err, d.Behind(deltas))
		}
	}
	o.whole = true
	var kept int64
	for _, d := range deltas {
		n, one := d.Number, o
		one.Dump, one.Summary = archive.DeltaPath(o.Dump, n), summary.New("", "", "rollback")
		o.Summary.Chain.Number = n
		err := Run(ctx, one, log)
		add(o.Summary, one.Summary)
		o.Summary.Instead = one.Summary.Instead
		if errors.As(err, new(*exitcode.LeftOutError)) {
			fmt.Fprintf(log, "delta %d: %v\n", n, err)
			kept++
		} else if err != nil {
			return fmt.Errorf("delta %d: %w", n, err)
		}
		o.Summary.Chain.Deltas++
		fmt.Fprintf(log, "delta %d is undone\n", n)
	}
	o.Summary.Chain.Number = last
	if deltas[0].Base != "" {
		o.Summary.Instead = append(o.Summary.Instead, "--base", deltas[0].Base)
	}
	undo, own := archive.SplitLocation(deltas[0].Undo)
	if strings.HasPrefix(own, fmt.Sprintf("%06d", deltas[0].Number)) { // one that is loaded again saves there, too
		o.Summary.Instead = append(o.Summary.Instead, "--undo", undo)
	}
	if kept == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the deltas are undone, but for keys that others changed since, or that the target does not take back, of %s: the lists are beside their journals; kvload rollback --force undoes the former, too",
		progress.Plural(kept, "delta", "deltas"))}
}

func add(all, one *summary.Summary) {
	all.Target = one.Target
	if r := one.Rollback; r != nil {
		all.Rollback.Removed, all.Rollback.Restored, all.Rollback.Untouched = all.Rollback.Removed+r.Removed, all.Rollback.Restored+r.Restored, all.Rollback.Untouched+r.Untouched
	}
	for _, l := range one.LeftOut {
		all.AddLeft(l)
	}
}
