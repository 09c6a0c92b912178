package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// FinishOptions say which load Finish ends.
type FinishOptions struct {
	Spec          // of all shards
	Verify Verify // nil: a sample of the keys is looked for
}

// Finish makes sure that all shards of a load are done, and sums them up. It writes nothing there.
func Finish(ctx context.Context, o FinishOptions, out, log io.Writer) error {
	o.Summarize("finish")
	a, err := o.OpenDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	logging.SetDump(log, o.ID)
	l, err := o.OpenTarget(ctx, log)
	if err != nil {
		return err
	}
	status, err := o.status(ctx, l)
	if err != nil {
		if status != nil && status.IsUndoing() {
			o.Summary.Instead = []string{"kvload rollback"}
		}
		return err
	}
	rules, err := o.Rules(ctx, a)
	if err != nil {
		return err
	}
	Begin(rules, *status.Identity(), a.Manifest)
	list, err := status.CollectLeftOut("kvload-"+o.ID[:8]+"-left-out.jsonl", leftout.ListName)
	if err != nil {
		return err
	}
	var leftOut func() (io.ReadCloser, error)
	if list != "" {
		leftOut = func() (io.ReadCloser, error) { return os.Open(list) }
	}
	retry := o.Retry(log)
	each := func(do func(p *Presence, units []archive.Unit) error) (err error) {
		for _, s := range status.Shards {
			err = errors.Join(err, do(o.Presence(l, s.Journal, rules, retry), loadstate.AssignUnits(s.Shard, o.Units(a))))
		}
		return err
	}
	if o.Verify == nil {
		err := each(func(p *Presence, units []archive.Unit) error { return p.Check(ctx, a, units, log) })
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(out, status.Done())
	left := summarize(o.Summary, status.Stats(), cmp.Or(list, "the report of the load"), false)
	o.Summary.File("journal", status.Root)
	o.Summary.File("report", list)
	o.Summary.Totals, o.Summary.Finished = a.Manifest.Totals, true
	o.Summary.AllSeconds = status.Took().Seconds()
	behind, err := loadstate.Behind(ctx, status.Shards[0].Journal)
	if err != nil {
		return err
	}
	o.SayBehind(ctx, behind, status.Root, log)
	if o.Verify == nil {
		chunks := max(1, lookedChunks/len(status.Shards))
		return errors.Join(each(func(p *Presence, units []archive.Unit) error {
			return o.lookBack(ctx, p, a, units, chunks, leftOut, log)
		}), left)
	}
	return errors.Join(o.Verify(ctx, o.Spec, a, rules, leftOut, out, log), left)
}

// status returns the state of the load, which must be done, and be the one that was given.
func (o *FinishOptions) status(ctx context.Context, l *writer.Loader) (*loadstate.Status, error) {
	status, err := o.Location().Status(ctx, l.Target.Nodes)
	if err != nil {
		return nil, err
	}
	bound := status.Identity()
	if bound == nil {
		return nil, fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", loadstate.ErrUnfinished, status.Root)
	}
	b := o.Identity(l)
	b.Settings["--on-exists"] = bound.Settings["--on-exists"]
	if err := b.Check(*bound, status.Root); err != nil {
		return nil, err
	}
	return status, status.Complete()
}

// lookBack looks for a sample of the keys of a shard, of so many chunks.
func (o *FinishOptions) lookBack(ctx context.Context, p *Presence, a *archive.Archive, units []archive.Unit, chunks int, leftOut func() (io.ReadCloser, error), log io.Writer) error {
	why := p.Journal.Unsure()
	behind, err := loadstate.Behind(ctx, p.Journal)
	if err == nil && why == "" {
		var keys, gone []LoadedKey
		if keys, err = p.sample(a, units, chunks, leftOut != nil); err == nil {
			gone, err = p.missed(ctx, keys, leftOut, log)
			why = p.lacks(len(gone), len(keys))
		}
	}
	return errors.Join(err, o.unsure(behind, why))
}
