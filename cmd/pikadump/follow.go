package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/follow"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

const followDescription = `Follows the binlog of a Pika 3.4 to 4.0.x from where a dump was made, as a
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
		UsageText: "pikadump follow --uri redis://HOST:9221 --base DUMP --out CHAIN [options]", Description: followDescription,
		Flags: followFlags(),
		Action: func(c *cli.Context) error {
			o, err := parseFollow(c)
			if err != nil {
				return err
			}
			o.Summary = command.Summarize(c, afterFollow(c))
			return follow.Run(c.Context, o)
		},
	}
}

func followFlags() []cli.Flag {
	const deltas = "Deltas"
	return slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "base", Usage: "the finished dump in `DIR` that the first delta follows", Category: deltas},
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the deltas below `CHAIN`, a directory or the URL of a prefix in a bucket", Category: deltas},
			&cli.DurationFlag{Name: "interval", Value: follow.Interval, Usage: "make a delta every so often, if anything was written", Category: deltas},
			&cli.IntFlag{Name: "delta-keys", Value: follow.DeltaNames, Usage: "make one sooner, of `N` keys: that bounds the memory", Category: deltas},
			&cli.BoolFlag{Name: "once", Usage: "make one delta of what was written until now, and end", Category: deltas},
			&cli.DurationFlag{Name: "until-idle", DefaultText: "off", Usage: "end when nothing was written for so long, with a last delta", Category: deltas},
			&cli.IntFlag{Name: "replication-port", DefaultText: "port + 2000", Usage: "`PORT` at which the source takes replicas", Category: "Source"},
		},
		connect.Flags(9221),
		[]cli.Flag{
			threadsFlag("connections that read keys (default: up to 6, at most half the server's thread-pool-size)"),
			timeoutFlag(), levelFlag(), retryFlag(), cacheFlag("the next follow"),
		},
		paceFlags(), storeFlags(), command.OutputFlags(),
	)
}

func parseFollow(c *cli.Context) (o follow.Options, err error) {
	if err := command.NoArguments(c, "the chain is given with --out"); err != nil {
		return o, err
	}
	o = follow.Options{
		Base: c.String("base"), Chain: c.String("out"), Interval: c.Duration("interval"), DeltaNames: c.Int("delta-keys"), Once: c.Bool("once"),
		UntilIdle: c.Duration("until-idle"), ReplicationPort: c.Int("replication-port"), Threads: c.Int("threads"), Cache: cacheSwitch(c),
		Tool: "pikadump " + command.Version, Log: c.App.ErrWriter,
	}
	switch {
	case o.Base == "":
		return o, exitcode.Usagef("--base is missing: it names the dump that is followed")
	case o.Chain == "" || o.Chain == stdout:
		return o, exitcode.Usagef("--out is missing: it names the directory of the deltas")
	case o.Interval <= 0 || c.IsSet("until-idle") && o.UntilIdle <= 0:
		return o, exitcode.Usagef("--interval and --until-idle are above 0, such as 5s")
	case o.Once && o.UntilIdle > 0:
		return o, exitcode.Usagef("--once does not go with --until-idle")
	case o.DeltaNames < 1 || o.DeltaNames > follow.MostNames:
		return o, exitcode.Usagef("--delta-keys %d: it is between 1 and %d", o.DeltaNames, follow.MostNames)
	case o.ReplicationPort < 0 || o.ReplicationPort > 65535:
		return o, exitcode.Usagef("--replication-port %d: it is between 1 and 65535", o.ReplicationPort)
	case o.Threads < 0 || o.Threads > 1024:
		return o, exitcode.Usagef("--threads %d: it is between 1 and 1024", o.Threads)
	}
	for _, f := range []string{"base", "out"} {
		if err := storage.Check(c.String(f)); err != nil {
			return o, exitcode.Usagef("--%s: %w", f, err)
		}
	}
	if o.Reader, _, err = parseServer(c); err != nil {
		return o, err
	}
	if o.Reader.Latency, o.Limits, o.Windows, err = parsePace(c); err != nil {
		return o, err
	}
	o.Archive = archive.Options{Storage: storage.Options{Spool: c.String("spool"), BreakLock: c.Bool("break-lock")}}
	if o.Archive.Uploads, err = parseUploads(c); err != nil {
		return o, err
	}
	if o.Archive.Level, err = parseLevel(c); err != nil {
		return o, err
	}
	if o.Archive.Keys, err = encryption.FromFlags(c); err != nil {
		return o, &exitcode.UsageError{Err: err}
	}
	if err := o.Reader.Check(); err != nil {
		return o, &exitcode.UsageError{Err: err}
	}
	o.Meter, err = command.Meter(c)
	return o, err
}
