package main

import (
	"context"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
)

const finishDescription = `Ends a load that was divided with --shard: makes sure that every shard is
done, sums up what they loaded and left out, and compares the target with the
dump as kvload verify does, with its flags. Give the --state of the load.
Nothing is written to the target. It also ends a load without shards.

   75  shards are missing or not done, and named
   3   all are done, but keys were left out; their lists are merged into one
   4   keys differ

EXAMPLES:
   kvload finish --uri redis://10.0.0.9:6666 --in /nfs/pika
   kvload finish --uri redis://10.0.0.9:6666 --in 's3://backups/pika' \
      --state 's3://backups/state' --report differs.jsonl
   kvload finish --uri redis://10.0.0.9:6666 --in /nfs/pika --no-verify`

func finishCommand() *cli.Command {
	flags := append(verifyFlags(stateFlag("where the shards keep their journals, `DIR`, a directory or the URL of a prefix in a bucket (default: as that of kvload load)", "Shards")),
		&cli.BoolFlag{Name: "no-verify", Usage: "do not compare the target with the dump", Category: "Comparison"})
	return &cli.Command{
		Name: "finish", Usage: "make sure that all shards of a load are done, and compare",
		UsageText: "kvload finish --uri redis://HOST:6666 --in DIR [options]", Description: finishDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseVerify(c, false)
			if err != nil {
				return err
			}
			o.Summary = command.Summarize(c, afterVerify(c))
			out, log := command.Out(c), c.App.ErrWriter
			f := load.FinishOptions{Spec: o.Spec}
			if !c.Bool("no-verify") {
				f.Verify = func(ctx context.Context, s load.Spec, a *archive.Archive, rules *rewrite.Rules, left func() (io.ReadCloser, error)) error {
					o.Spec, o.OpenLeftOut = s, left
					return verifytarget.RunWith(ctx, o, a, rules, out, log)
				}
			}
			return load.Finish(c.Context, f, out, log)
		},
	}
}
