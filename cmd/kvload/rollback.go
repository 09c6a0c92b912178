package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

const rollbackDescription = `Takes back a load, finished or not: removes the keys that it wrote, and puts back what load --undo saved. Give
the flags of the load. Keys that do not look as the load left them (another type, length, or value of a string) were
changed by others since: they are listed and left, exit code 3, unless --force is given. It can be stopped
and run again.

EXAMPLES:
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --on-exists replace --undo /backup/undo
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --flush`

func rollbackCommand() *cli.Command {
	env := command.Env("KVLOAD")
	flags := append(without(loadFlags(), "verify", "report", "resume", "rate-keys", "rate-bytes", "max-latency-factor", "dry-run", "create-namespaces", "accept", "tune", "encrypt-to", "follow", "spool"),
		&cli.BoolFlag{Name: "force", Usage: "remove or put back also keys that were changed since", EnvVars: env("force")},
		&cli.BoolFlag{Name: "flush", Usage: "clear the whole target, which was empty before the load, in one command", EnvVars: env("flush")})
	return &cli.Command{
		Name: "rollback", Usage: "take back a load",
		UsageText: "kvload rollback --uri redis://HOST:6666 --in DIR [options]", Description: rollbackDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseLoad(c)
			if err != nil {
				return err
			}
			return rollback(c.Context, o, c.Bool("force"), c.Bool("flush"), c.App.ErrWriter)
		},
	}
}

// rollback takes back the load that the journal is of.
func rollback(ctx context.Context, o loadOptions, force, flush bool, log io.Writer) (err error) {
	a, err := archive.Open(ctx, o.in, o.threads, o.keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	o.dump = a.Manifest.Dump
	units := o.units(a)
	if o.writer.Places, err = places(&o, units); err != nil {
		return err
	}
	cs, err := readConflicts(a, &o.filter, o.conflict, o.prefix)
	if err != nil {
		return err
	}
	l, err := openTarget(ctx, &o, log)
	if err != nil {
		return err
	}
	j, err := journal.Open(o.statePath(), journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if j.Began().IsZero() {
		return fmt.Errorf("%w: %s holds no journal: no load of this dump into this target is known; give its --state", errRefused, j.Path())
	}
	if err := j.Check(o.binding(a, l)); err != nil {
		return err
	}
	if !j.Undone().IsZero() {
		fmt.Fprintf(log, "this load was taken back already\n")
		return nil
	}
	if flush {
		return clearAll(ctx, l, j, &o, log)
	}
	o.ttl.begin(j.Bound().Now, a.Manifest)
	b := &taking{a: a, l: l, log: log, j: j, o: &o, cs: cs, force: force, again: j.IsUndoing()}
	if o.undo == "" {
		o.undo = j.Undo()
	}
	if o.undo != "" {
		if b.saved, err = archive.Open(ctx, o.undo, o.threads, o.keys.Identities...); err != nil {
			return fmt.Errorf("--undo: %w", err)
		}
		defer b.saved.Close()
	}
	if err := j.BeginUndo(); err != nil {
		return err
	}
	report := &leftOutReport{path: filepath.Join(j.Path(), "changed.jsonl")}
	b.report = report
	start := time.Now()
	if err := errors.Join(b.all(ctx, units), report.close()); err != nil {
		return fmt.Errorf("%w (the load is taken back in part: run it again)", err)
	}
	fmt.Fprintf(log, "removed %s keys and put %s back, in %s\n", progress.Count(b.removed.Load()), progress.Count(b.restored), progress.Duration(max(time.Second, time.Since(start))))
	if b.report.lines > 0 {
		return &command.LeftOut{Text: fmt.Sprintf("%d keys were changed by others since the load, and are left as they are: see %s; --force takes them back too", b.report.lines, report.path)}
	}
	return j.EndUndo()
}

// clearAll clears a target that was empty before the load.
func clearAll(ctx context.Context, l *writer.Loader, j *journal.Journal, o *loadOptions, log io.Writer) error {
	if !j.WasEmpty() {
		return fmt.Errorf("%w: the target was not empty before the load: --flush would remove more than the load wrote; leave it out", errRefused)
	}
	if err := j.BeginUndo(); err != nil {
		return err
	}
	for _, db := range slices.Sorted(maps.Keys(o.writer.Places)) {
		v := l.NewVisitor(db, o.again(log))
		if err := errors.Join(v.Clear(ctx), v.Close()); err != nil {
			return err
		}
	}
	fmt.Fprintln(log, "the target is cleared")
	return j.EndUndo()
}
