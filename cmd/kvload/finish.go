package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
)

const finishText = `Ends a load that was divided with --shard: makes sure that every shard is
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
	state := command.Text("state", command.Shards, "where the shards keep their journals, "+
		command.Dir+" (default: as that of kvload load)")
	return &cli.Command{
		Name: "finish", Usage: "make sure that all shards of a load are done, and compare",
		UsageText:   "kvload finish --uri redis://HOST:6666 --in DIR [options]",
		Description: finishText,
		Flags: append(verifyFlags(state),
			command.Bool("no-verify", command.Comparison, "do not compare the target with the "+
				"dump")),
		Action: command.Action(parseVerify, func(c *cli.Context, o verifytarget.Options) error {
			o.Summary = command.Summarize(c, "", command.AfterVerify("differs.jsonl"))
			f := load.FinishOptions{Spec: o.Spec}
			if !c.Bool("no-verify") {
				f.Verify = o.Verify
			}
			return load.Finish(c.Context, f, command.Out(c), c.App.ErrWriter)
		}),
	}
}
