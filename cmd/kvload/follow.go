package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
)

const followText = `Loads the deltas of a chain, which pikadump follow makes, as they appear:
each in its turn, behind the last that the journal says is loaded. The base
must be loaded already, into the same target with the same flags; these are
read from its journal, but for a --map-db with namespaces.

A delta replaces what it holds and deletes what it says is gone. After each
one the lag is shown: how far it is behind the source, by the source's clock.
The run ends when it has loaded a delta that was made while the writers were
at rest (pikadump follow --until-idle). Killed at any instant and run again,
it continues.

Several --uri are loaded at once, each at its own pace. Exit codes are those
of load: 3 if something was left out, 4 if --verify found a difference.

--undo DIR saves what each delta takes away, in DIR/000001 and so on. Deltas
are undone the last first: kvload rollback --in CHAIN [--to NUMBER].

EXAMPLES:
   kvload load   --uri redis://10.0.0.9:6666 --in /backup/base
   kvload follow --uri redis://10.0.0.9:6666 --in /backup/chain \
      --base /backup/base
   kvload follow --uri redis://10.0.0.9:6666 --in 's3://backups/chain' --verify
   # those that are there, without waiting for more:
   kvload load --uri redis://10.0.0.9:6666 --in /backup/chain \
      --base /backup/base

` + command.Buckets

// notFollowed are flags of load that say nothing of a chain.
var notFollowed = strings.Fields("in follow dry-run report shard shards " +
	"on-exists spool tune resume")

func followCommand() *cli.Command {
	flags := slices.DeleteFunc(loadFlags(), func(f cli.Flag) bool {
		return slices.Contains(notFollowed, f.Names()[0])
	})
	return &cli.Command{
		Name: "follow", Usage: "load the deltas of a chain as they appear",
		UsageText:   "kvload follow --uri redis://HOST:6666 --in CHAIN [options]",
		Description: followText,
		Flags:       append(flags, inFlag("load the deltas of the chain in "+command.Dir)),
		Action: command.Action(parseTargets, func(c *cli.Context, targets []load.Options) error {
			if targets[0].Dump == loadstate.Stream {
				return exitcode.Usagef("--in - is a dump: a chain is a directory, " +
					"or a prefix in a bucket")
			}
			targets[0].Summary = command.Summarize(c, "", afterFollow)
			return loadchain.Run(c.Context, targets, true, command.Out(c), c.App.ErrWriter)
		}),
	}
}
