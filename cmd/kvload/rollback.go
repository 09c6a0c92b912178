package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rollback"
)

const rollbackText = `Undoes a load, finished or not: removes the keys that it wrote, and puts back
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
		UsageText:   "kvload rollback --uri redis://HOST:6666 --in DIR [options]",
		Description: rollbackText,
		Flags: slices.Concat(
			targetFlags(), shardFlags(),
			runFlags("connections that read, remove and put back at once"),
			rateFlags("compare and put back"),
			writeFlags("put back what load --undo saved in `DIR` (default: where the journal says "+
				"that it is)"),
			[]cli.Flag{
				inFlag("undo the load of the dump, delta or chain in " + command.Dir),
				encryption.IdentityFlag(), baseFlag("where its journal does not say that"),
				&cli.IntFlag{Name: "to", DefaultText: "0: all of them", Category: command.Written,
					Usage: "of a chain, undo only the deltas behind number `N`"},
				command.Bool("force", command.Written, "also undo keys that others changed since"),
				command.Bool("flush", command.Written, "clear the whole target, which was empty "+
					"before the load, in one command"),
			}),
		Action: command.Action(parseRollback, func(c *cli.Context, o rollback.Options) error {
			o.Summary = command.Summarize(c, "", afterRollback)
			return rollback.Undo(c.Context, o, c.App.ErrWriter)
		}),
	}
}

func parseRollback(v *command.Values) rollback.Options {
	spec := parseOne(v)
	o := rollback.Options{
		Undo: parseWrite(v, &spec), Force: v.Bool("force"), Flush: v.Bool("flush"), Behind: -1,
		Checkpoint: v.Duration("checkpoint"), StallTimeout: v.Duration("stall-timeout"),
		Limits: command.Get(v, pace.LimitsFromFlags),
	}
	o.Spec = spec
	v.Refuse(o.Flush && !o.Shard.IsAll(),
		"--flush clears what all shards have loaded: give it without --shard")
	if v.IsSet("to") {
		o.Behind = v.Context.Int("to")
		v.Refuse(o.Behind < 0, "--to %d: it is the number of a delta, or 0", o.Behind)
	}
	return o
}
