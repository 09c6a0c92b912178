package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rollback"
)

const rollbackDescription = `Undoes a load, finished or not: removes the keys that it wrote, and puts back
what load --undo saved. The flags of the load are read from its journal, but
for a --map-db with namespaces. Stop the writers first.

Each key is compared with the dump first, as verify does it. If others
changed it since the load, it is kept and listed (3), unless --force is
given. So are keys that a stopped load with --on-exists replace and without
--undo may not have reached. Keys of chunks that the load never started are
kept.

A rollback can be stopped and run again. A load in shards is undone as a
whole, or with --shard I/N one shard.

With a chain the deltas are undone that are loaded, the last first, down to
the base, or with --to N down to delta N. Each needs what its load saved with
--undo. The base is then undone like any dump.

EXAMPLES:
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika \
      --on-exists replace --undo /backup/undo
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --flush
   # the deltas behind number 7:
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/chain --to 7`

func rollbackCommand() *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "undo a load",
		UsageText: "kvload rollback --uri redis://HOST:6666 --in DIR [options]", Description: rollbackDescription,
		Flags: slices.Concat(
			dumpFlags("undo the load of the dump, delta or chain in `DIR`, a directory or the URL of a prefix in a bucket"),
			[]cli.Flag{baseFlag("where its journal does not say that")},
			targetFlags(), rewriteFlags(), shardFlags(),
			runFlags("connections that read, remove and put back at once", "retry transient errors; give up after this long without progress; 0: no retries"),
			writeFlags("put back what load --undo saved in `DIR` (default: where the journal says that it is)"),
			[]cli.Flag{
				&cli.IntFlag{Name: "to", DefaultText: "0: all of them", Usage: "of a chain, undo only the deltas behind number `N`", Category: categoryWhat},
				&cli.BoolFlag{Name: "force", Usage: "also undo keys that others changed since", Category: categoryWhat},
				&cli.BoolFlag{Name: "flush", Usage: "clear the whole target, which was empty before the load, in one command", Category: categoryWhat},
			}),
		Action: func(c *cli.Context) error {
			o, err := parseRollback(c)
			if err != nil {
				return err
			}
			o.Summary = command.Summarize(c, afterRollback(c))
			chain, err := archive.IsChain(c.Context, o.Dump)
			switch {
			case err != nil:
				return err
			case chain && (c.Bool("flush") || o.Undo != ""):
				return exitcode.Usagef("a chain is undone delta by delta, with what each has saved: leave --flush and --undo out")
			case chain && c.Int("to") < 0:
				return exitcode.Usagef("--to %d: it is the number of a delta, or 0", c.Int("to"))
			case chain:
				return rollback.RunChain(c.Context, o, c.Int("to"), c.App.ErrWriter)
			case c.IsSet("to"):
				return exitcode.Usagef("--to is for a chain of deltas, and %s is none", o.Dump)
			}
			if c.Bool("flush") {
				return rollback.Clear(c.Context, o, c.App.ErrWriter)
			}
			return rollback.Run(c.Context, o, c.App.ErrWriter)
		},
	}
}

func parseRollback(c *cli.Context) (rollback.Options, error) {
	spec, err := parseOne(c, true)
	if err != nil {
		return rollback.Options{}, err
	}
	undo, err := parseWrite(c, &spec)
	if err == nil && c.Bool("flush") && !spec.Shard.IsAll() {
		err = exitcode.Usagef("--flush clears what all shards have loaded: give it without --shard")
	}
	return rollback.Options{
		Spec: spec, Undo: undo, Force: c.Bool("force"),
		Checkpoint: c.Duration("checkpoint"), StallTimeout: c.Duration("stall-timeout"),
	}, err
}
