package verifytarget

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// sayState says if the journal knows why the target differs, but for the deltas of a chain.
func (o *Options) sayState(ctx context.Context, chain bool, log io.Writer) error {
	l := o.Location()
	status, err := l.Status(ctx, l.AsNode())
	if err != nil {
		return err
	}
	if id := status.Identity(); id == nil || id.Dump != o.ID {
		return nil
	}
	why, later, err := status.Differs(ctx)
	if later != nil && !chain {
		o.SayBehind(ctx, later, status.Root, log)
	}
	if err != nil || why == "" {
		return err
	}
	if status.IsUndoing() {
		o.Summary.Instead = []string{"kvload rollback"}
	} else if errors.Is(status.Complete(), loadstate.ErrUnfinished) {
		o.Summary.Instead = []string{"kvload load", "--resume"}
		if !status.Shards[0].IsAll() {
			o.Summary.Instead = append(o.Summary.Instead, "--shard", fmt.Sprintf("I/%d", len(status.Shards)))
		}
	}
	fmt.Fprintf(log, "warning: by the journal in %s %s\n", status.Root, why)
	o.Summary.Note("by the journal " + why)
	return nil
}

// isWhereLoaded refuses a target in which databases are compared with other places than those that
// the load has filled: equal would say nothing of it.
func (o *Options) isWhereLoaded(ctx context.Context, l *writer.Loader) error {
	now := o.Identity(l)
	if root, was, err := o.Location().Identity(ctx); err == nil && was.Dump == now.Dump {
		if moved := now.Moved(&was); moved != "" {
			return fmt.Errorf("%w: this is not where the dump was loaded: %s, by the journal in %s; give the token, or --map-db, of the load", exitcode.ErrRefused, moved, root)
		}
	}
	return nil
}

// recall finds in the journal of the load when it began, for rules that go by that.
func (o *Options) recall(ctx context.Context, rules *rewrite.Rules, m *format.Manifest) error {
	if !rules.TTL.GoesByBegin() {
		return nil
	}
	path, b, err := o.Location().Identity(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: --ttl shift and --ttl-min go by the time when the load began, and %s holds no journal of it: give the --state of the load",
			exitcode.ErrRefused, path)
	case err != nil:
		return err
	case b.Dump != m.Dump:
		return fmt.Errorf("%w: %s holds the journal of the load of another dump: give the --state of the load", exitcode.ErrRefused, path)
	}
	load.Begin(rules, b, m)
	return rules.CheckRecorded(b.Settings, path)
}
