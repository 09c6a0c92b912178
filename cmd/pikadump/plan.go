package main

import (
	"encoding/json"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/plan"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

const planDescription = `Reads a sample of the keys and writes nothing; --source-cache-off changes one
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
		UsageText: "pikadump plan --uri redis://HOST:9221 [options]", Description: planDescription,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print JSON", Category: "Output"},
			&cli.IntFlag{Name: "shards", Usage: "divide the keys of each database into `N` ranges, for dump --plan", Category: "Shards"},
			cacheFlag("the next plan"),
		}, sourceFlags()...),
		Action: planAction,
	}
}

func planAction(c *cli.Context) error {
	if err := command.NoArguments(c, "the source is given with --uri"); err != nil {
		return err
	}
	src, err := parseSource(c)
	if err != nil {
		return err
	}
	o := plan.Options{
		Reader: src.reader, Selection: src.selection, Threads: src.threads, Level: src.level, Shards: c.Int("shards"),
		Cache: cacheSwitch(c), Say: func(text string) { fmt.Fprintln(c.App.ErrWriter, text) },
	}
	if c.IsSet("shards") && (o.Shards < 1 || o.Shards > archive.MaxShards) {
		return exitcode.Usagef("--shards %d: it is between 1 and %d", o.Shards, archive.MaxShards)
	}
	s := command.Summarize(c, afterPlan(c))
	s.Own = true
	f, err := plan.Make(c.Context, o)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		command.PrintedJSON(c)
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	f.Show(c.App.Writer, progress.Width(c.App.Writer))
	return nil
}
