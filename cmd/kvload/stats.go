package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dumpreport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
)

const statsText = `Reads the whole dump once, and counts keys, elements and bytes by database,
type, size, time to live and prefix. Lists the largest keys and collections,
and names that look like series or tenants. Needs no server.

Prefixes are split at : and at what else separates the names. Parts that
differ from name to name are shown as <n>, <date>, <epoch>, <uuid>, <hex>.

EXAMPLES:
   kvload stats /backup/pika
   kvload stats /backup/chain --base /backup/base
   kvload stats --json /backup/pika | jq '.names.prefixes[] | {prefix, bytes}'`

func statsCommand() *cli.Command {
	return &cli.Command{
		Name: "stats", Usage: "count what is in a dump: types, sizes, prefixes",
		UsageText: "kvload stats [--json] DIR", ArgsUsage: "DIR",
		Description: statsText,
		Flags:       countFlags("what both amount to is counted"),
		Action: func(c *cli.Context) error {
			a, s, err := count(c)
			if err != nil {
				return err
			}
			a.Close()
			if c.Bool("json") {
				return command.PrintJSON(c, s)
			}
			dumpreport.Text(c.App.Writer, s, progress.Width(c.App.Writer))
			return nil
		},
	}
}

// countFlags are those that count reads; base is the end of the help of --base.
func countFlags(base string) []cli.Flag {
	return append(command.OutputFlags(), baseFlag(base), encryption.IdentityFlag(),
		command.ThreadsFlag(2, "chunks that are read at once; more need more memory"))
}

// count counts what is in the dump that is the command's argument, which stays open.
func count(c *cli.Context) (*archive.Archive, *stats.Stats, error) {
	threads, meter := 0, (*progress.Meter)(nil)
	dump, err := command.Read(c, func(v *command.Values) *export.Source {
		threads, meter = v.Int("threads", 1, 64), command.Get(v, command.Meter)
		return parseDump(v)
	})
	if err != nil {
		return nil, nil, err
	}
	dump.Summary = command.Summarize(c, dump.Location, nil)
	dump.Summary.Own = true
	return dump.Count(c.Context, threads, meter, c.Command.Name)
}
