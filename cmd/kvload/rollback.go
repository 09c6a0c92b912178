package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
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

EXAMPLES:
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika \
      --on-exists replace --undo /backup/undo
   kvload rollback --uri redis://10.0.0.9:6666 --in /backup/pika --flush`

func rollbackCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "rollback", Usage: "undo a load",
		UsageText: "kvload rollback --uri redis://HOST:6666 --in DIR [options]", Description: rollbackDescription,
		Flags: slices.Concat(
			dumpFlags(env, "undo the load of the dump, or delta, in `DIR`, a directory or the URL of a prefix in a bucket"),
			[]cli.Flag{baseFlag(env, "where its journal does not say that")},
			targetFlags(env), rewriteFlags(env), shardFlags(env),
			runFlags(env, "connections that read, remove and put back at once", "retry transient errors; give up after this long without progress; 0: no retries"),
			writeFlags(env, "put back what load --undo saved in `DIR` (default: where the journal says that it is)"),
			[]cli.Flag{
				&cli.BoolFlag{Name: "force", Usage: "also undo keys that others changed since", EnvVars: env("force"), Category: categoryWhat},
				&cli.BoolFlag{Name: "flush", Usage: "clear the whole target, which was empty before the load, in one command", EnvVars: env("flush"), Category: categoryWhat},
			}),
		Action: func(c *cli.Context) error {
			o, err := parseRollback(c)
			if err != nil {
				return err
			}
			o.Summary = command.Summarize(c, afterRollback(c))
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
	if is, err := archive.IsChain(c.Context, spec.Dump); is || err != nil {
		if err != nil {
			return rollback.Options{}, err
		}
		newest, err := loadchain.Newest(c.Context, &spec)
		switch {
		case err != nil:
		case newest == "":
			err = fmt.Errorf("%w: no delta of the chain in %s is loaded into %s", exitcode.ErrRefused, spec.Dump, spec.Target.Target.Addr)
		default:
			err = exitcode.Usagef("deltas are undone one by one, the last first: kvload rollback --uri redis://%s --in %s", spec.Target.Target.Addr, newest)
		}
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
