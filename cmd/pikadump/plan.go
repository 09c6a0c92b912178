package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/plan"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

const planText = `Reads a sample of the keys and writes nothing; --source-cache-off changes one
setting of the source for the run. Shows how many keys there are
by database and type, how large they are, when they expire, what a dump takes
in bytes and time, and what to know before it. The counts are estimates.

EXAMPLES:
   pikadump plan --uri redis://10.0.0.5:9221
   # for dump --plan plan.json --shard 0/8:
   pikadump plan --uri redis://10.0.0.5:9221 --json --shards 8 > plan.json`

func planCommand() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "forecast a dump from a sample, without making it",
		UsageText: "pikadump plan --uri redis://HOST:9221 [options]", Description: planText,
		Flags: append(sourceFlags("the next plan"),
			command.Bool("json", command.Output, "print JSON"),
			&cli.IntFlag{Name: "shards", Category: command.Shards,
				Usage: "divide the keys of each database into `N` ranges, for dump --plan"}),
		Action: command.Action(parsePlan, func(c *cli.Context, o plan.Options) error {
			command.Summarize(c, "", afterPlan).Own = true
			f, err := plan.Make(c.Context, o)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return command.PrintJSON(c, f)
			}
			f.Show(c.App.Writer, progress.Width(c.App.Writer))
			return nil
		}),
	}
}

func parsePlan(v *command.Values) plan.Options {
	v.NoArguments("the source is given with --uri")
	src := parseSource(v)
	o := plan.Options{
		Reader: src.reader, Selection: src.selection, Threads: src.threads, Level: parseLevel(v),
		Cache: cacheSwitch(v.Context),
		Say:   func(text string) { fmt.Fprintln(v.App.ErrWriter, text) },
	}
	if v.IsSet("shards") {
		o.Shards = v.Int("shards", 1, archive.MaxShards)
	}
	return o
}
