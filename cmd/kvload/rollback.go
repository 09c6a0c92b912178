package main

import (
	"context"
	"errors"
	"io"

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

func rollbackCommand() *cli.Command {
	env := command.Env("KVLOAD")
	flags := append(without(loadFlags(), "verify", "report", "resume", "rate-keys", "rate-bytes", "max-latency-factor", "dry-run", "create-namespaces", "accept", "tune", "encrypt-to", "follow", "spool", "max-errors"),
		&cli.BoolFlag{Name: "force", Usage: "remove or put back also keys that were changed since", EnvVars: env("force")},
		&cli.BoolFlag{Name: "flush", Usage: "clear the whole target, which was empty before the load, in one command", EnvVars: env("flush")})
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			switch f.Name {
			case "in":
				f.Usage = "take back the load of the dump in `DIR`, a directory or the URL of a prefix in a bucket"
			case "undo":
				f.Usage = "put back what load --undo saved in `DIR` (default: where the journal says that it is)"
			}
		case *cli.IntFlag:
			if f.Name == "threads" {
				f.Usage = "connections that read, remove and put back at once"
			}
		}
	}
	return &cli.Command{
		Name: "rollback", Usage: "take back a load",
		UsageText: "kvload rollback --uri redis://HOST:6666 --in DIR [options]", Description: rollbackDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseLoad(c)
			if err != nil {
				return err
			}
			if c.Bool("flush") && !o.share.IsAll() {
				return command.Usage("--flush clears what all shares have loaded: give it without --shard")
			}
			return rollback(c.Context, o, c.Bool("force"), c.Bool("flush"), c.App.ErrWriter)
		},
	}
}

// rollback takes back the load that the journal is of.
func rollback(ctx context.Context, o loadOptions, force, flush bool, log io.Writer) (err error) {
	a, cs, err := o.openDump(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := openTarget(ctx, &o, log)
	if err != nil {
		return err
	}
	root, jt, err := o.findState(ctx, l.Target().Nodes)
	if err != nil {
		return err
	}
	w := &withdrawal{o: &o, a: a, l: l, cs: cs, units: o.units(a), root: root, jt: jt, force: force, log: log}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(ctx); err != nil {
		return err
	}
	w.fenceOff()
	if flush {
		err = w.clear(ctx)
	} else {
		err = w.takeBack(ctx)
	}
	return errors.Join(err, o.unsure(w.doubts.why))
}
