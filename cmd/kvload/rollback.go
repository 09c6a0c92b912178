package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

const rollbackDescription = `Takes back a load, finished or not: removes the keys that it wrote, and puts back what load --undo saved. Give
the flags of the load. Each key is compared with the dump as verify does it, before it is removed: what is not as the
load left it (type, elements, values, expiry) was changed by others since, and is listed and left, exit code 3, unless --force is given. So are keys that a load with
--on-exists replace and without --undo may not have come to before it was stopped. Keys of chunks that the load never began are left. It can be stopped and run again. A load in shares is taken back as a whole; with --shard I/N only that share.

EXAMPLES:
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --on-exists replace --undo /backup/undo
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --flush`

// rollbackOptions is what kvload rollback is told to do.
type rollbackOptions struct {
	commonOptions
	undo         string // empty: where the journal says that it is
	force        bool   // remove or put back also keys that were changed since
	flush        bool   // clear the whole target
	stallTimeout time.Duration
	checkpoint   time.Duration
}

func rollbackCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "rollback", Usage: "take back a load",
		UsageText: "kvload rollback --uri redis://HOST:6666 --in DIR [options]", Description: rollbackDescription,
		Flags: slices.Concat(
			dumpFlags(env, "take back the load of the dump in `DIR`, a directory or the URL of a prefix in a bucket"),
			targetFlags(env), rewriteFlags(env), shareFlags(env),
			runFlags(env, "connections that read, remove and put back at once", "try again what may pass by itself, until so long nothing was done; 0 not at all"),
			writeFlags(env, "put back what load --undo saved in `DIR` (default: where the journal says that it is)"),
			[]cli.Flag{
				&cli.BoolFlag{Name: "force", Usage: "remove or put back also keys that were changed since", EnvVars: env("force")},
				&cli.BoolFlag{Name: "flush", Usage: "clear the whole target, which was empty before the load, in one command", EnvVars: env("flush")},
			}),
		Action: func(c *cli.Context) error {
			o, err := parseRollback(c)
			if err != nil {
				return err
			}
			return rollback(c.Context, o, c.App.ErrWriter)
		},
	}
}

func parseRollback(c *cli.Context) (rollbackOptions, error) {
	o := rollbackOptions{force: c.Bool("force"), flush: c.Bool("flush"), stallTimeout: c.Duration("stall-timeout"), checkpoint: c.Duration("checkpoint")}
	var err error
	if o.commonOptions, err = parseOne(c, true); err != nil {
		return o, err
	}
	if o.undo, err = parseWrite(c, &o.commonOptions); err != nil {
		return o, err
	}
	if o.flush && !o.share.IsAll() {
		return o, command.Usage("--flush clears what all shares have loaded: give it without --shard")
	}
	return o, nil
}

// rollback takes back the load that the journal is of.
func rollback(ctx context.Context, o rollbackOptions, log io.Writer) (err error) {
	a, rules, err := o.openDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := o.openTarget(ctx, log)
	if err != nil {
		return err
	}
	root, jt, err := o.location().Find(ctx, l.Target().Nodes)
	if err != nil {
		return err
	}
	w := &withdrawal{o: &o, a: a, l: l, rules: rules, units: o.units(a), root: root, jt: jt, log: log}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(ctx); err != nil {
		return err
	}
	w.fenceOff()
	if o.flush {
		err = w.clear(ctx)
	} else {
		err = w.takeBack(ctx)
	}
	return errors.Join(err, o.unsure(w.doubts.Why))
}
