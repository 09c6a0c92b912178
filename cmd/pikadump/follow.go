package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

const followText = `Follows the binlog of a Pika 3.4 to 4.0.x from where a dump was made, as a
replica does. Every --interval it reads the keys that were written since, and
writes them as a delta: their values as they are now, and which are deleted.
The deltas are 000001, 000002 … in --out, for kvload load and kvload follow.

It runs until it is stopped; the same command goes on behind the last delta.
With --until-idle it ends when nothing is written any more: the cut-over.
Which keys are followed is as in the base: --db, --type, --match.

The source takes replicas at its port + 2000, and shows this one in INFO. It
needs the password of requirepass.

EXAMPLES:
   pikadump follow --uri redis://10.0.0.5:9221 --base /backup/pika \
      --out /backup/chain
   # when the writers are stopped:
   pikadump follow --uri redis://10.0.0.5:9221 --base /backup/pika \
      --out /backup/chain --until-idle 5s
   # every night, from cron:
   pikadump follow --uri redis://10.0.0.5:9221 --base /backup/pika \
      --out /backup/chain --once

` + command.Buckets

func followCommand() *cli.Command {
	return &cli.Command{
		Name: "follow", Usage: "write what changes at a Pika since a dump, as deltas",
		UsageText:   "pikadump follow --uri redis://HOST:9221 --base DUMP --out CHAIN [options]",
		Description: followText,
		Flags:       followFlags(),
		Action: command.Action(parseFollow, func(c *cli.Context, o follow.Options) error {
			o.Summary = command.Summarize(c, "", afterFollow)
			return follow.Run(c.Context, o)
		}),
	}
}

func followFlags() []cli.Flag {
	const deltas = "Deltas"
	return slices.Concat(
		serverFlags("connections that read keys (default: up to 6, at most half the server's "+
			"thread-pool-size)", "the next follow"),
		paceFlags(), storeFlags(), command.OutputFlags(),
		[]cli.Flag{
			levelFlag(),
			command.Text("base", deltas, "the finished dump in `DIR` that the first delta follows"),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Category: deltas,
				Usage: "write the deltas below `CHAIN`, a directory or the URL of a prefix in a " +
					"bucket"},
			&cli.DurationFlag{Name: "interval", Value: follow.Interval, Category: deltas,
				Usage: "make a delta every so often, if anything was written"},
			&cli.IntFlag{Name: "delta-keys", Value: follow.DeltaNames, Category: deltas,
				Usage: "make one sooner, of `N` keys: that bounds the memory"},
			command.Bool("once", deltas, "make one delta of what was written until now, and end"),
			&cli.DurationFlag{Name: "until-idle", DefaultText: "off", Category: deltas,
				Usage: "end when nothing was written for so long, with a last delta"},
			&cli.IntFlag{Name: "replication-port", DefaultText: "port + 2000", Category: "Source",
				Usage: "`PORT` at which the source takes replicas"},
		},
	)
}

func parseFollow(v *command.Values) follow.Options {
	v.NoArguments("the chain is given with --out")
	o := follow.Options{
		Base: v.String("base"), Chain: v.String("out"), Interval: v.Context.Duration("interval"),
		Once: v.Bool("once"), UntilIdle: v.Context.Duration("until-idle"),
		ReplicationPort: v.Context.Int("replication-port"), Cache: cacheSwitch(v.Context),
		Tool: "pikadump " + command.Version, Log: v.App.ErrWriter,
	}
	v.Refuse(o.Base == "", "--base is missing: it names the dump that is followed")
	v.Refuse(o.Chain == "" || o.Chain == stdout,
		"--out is missing: it names the directory of the deltas")
	v.Refuse(o.Interval <= 0 || v.IsSet("until-idle") && o.UntilIdle <= 0, "--interval and "+
		"--until-idle are above 0, such as 5s")
	v.Refuse(o.Once && o.UntilIdle > 0, "--once does not go with --until-idle")
	o.DeltaNames = v.Int("delta-keys", 1, follow.MostNames)
	v.Refuse(o.ReplicationPort < 0 || o.ReplicationPort > 65535, "--replication-port %d: it is "+
		"between 1 and 65535", o.ReplicationPort)
	o.Threads = parseThreads(v)
	v.Checked("base", storage.Check)
	v.Checked("out", storage.Check)
	o.Reader, _ = parseServer(v)
	o.Limits, o.Windows = parsePace(v, &o.Reader)
	o.Archive = parseStore(v)
	v.Usage(o.Reader.Check())
	o.Meter = command.Get(v, command.Meter)
	return o
}
