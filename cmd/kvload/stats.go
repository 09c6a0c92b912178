package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dumpreport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const statsDescription = `Reads the whole dump once, and counts keys, elements and bytes by database,
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
		Name: "stats", Usage: "count what is in a dump: types, sizes, prefixes", UsageText: "kvload stats [--json] DIR", ArgsUsage: "DIR",
		Description: statsDescription,
		Flags:       append(command.OutputFlags(), baseFlag("what both amount to is counted"), encryption.IdentityFlag(), readersFlag()),
		Action: func(c *cli.Context) error {
			a, s, err := count(c)
			if err != nil {
				return err
			}
			a.Close()
			if c.Bool("json") {
				command.PrintedJSON(c)
				enc := json.NewEncoder(c.App.Writer)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return enc.Encode(s)
			}
			dumpreport.Text(c.App.Writer, s, progress.Width(c.App.Writer))
			return nil
		},
	}
}

func readersFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Value: 2, Usage: "chunks that are read at once; more need more memory", Category: categorySpeed}
}

// count counts what is in the dump that is the command's argument, which stays open.
func count(c *cli.Context) (*archive.Archive, *stats.Stats, error) {
	location, keys, err := argument(c)
	if err != nil {
		return nil, nil, err
	}
	threads := c.Int("threads")
	if threads < 1 || threads > 64 {
		return nil, nil, exitcode.Usagef("--threads %d: it is between 1 and 64", threads)
	}
	sum := command.Summarize(c, nil)
	sum.Own = true
	sum.Dump.Place = summary.Place(location)
	a, err := export.Open(c.Context, location, c.String("base"), keys.Identities...)
	if err != nil {
		return nil, nil, err
	}
	logging.SetDump(c.App.ErrWriter, a.Manifest.Dump)
	sum.Of(a.Manifest, a.Path())
	s, err := countIn(c, a, threads)
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	sum.Hold(a.Manifest.Totals)
	sum.Finished = true
	return a, s, nil
}

func countIn(c *cli.Context, a *archive.Archive, threads int) (*stats.Stats, error) {
	meter, err := command.Meter(c)
	if err != nil {
		return nil, err
	}
	defer meter.Begin(c.Command.Name, threads)()
	part := func(ci format.ChunkInfo) *progress.Counter {
		return meter.Part(progress.Name{DB: ci.DB, Type: string(ci.Type)})
	}
	for _, ci := range a.Manifest.Chunks {
		part(ci).Expect(ci.Size)
	}
	return stats.Run(c.Context, stats.Options{Archive: a, Workers: threads, Done: func(u archive.Unit) {
		for _, ci := range u {
			part(ci).Add(ci.Keys, ci.Raw, ci.Size)
			part(ci).AddElements(ci.Elements)
			part(ci).UnitDone()
			meter.Chunk(1)
		}
	}})
}
