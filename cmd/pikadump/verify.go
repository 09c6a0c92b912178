package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifysource"
)

const verifyText = `Reads every key of a dump at the source again and shows what has changed
there: missing, type, value, missing elements, extra elements, expiry
differs; exit code 4. Keys that have expired since are shown, but are no
differences. It does not look for new keys. The source is only read.

EXAMPLES:
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika \
      --sample 1% --report changed.jsonl`

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "show what has changed at the source since a dump",
		UsageText:   "pikadump verify --uri redis://HOST:9221 --in DIR [options]",
		Description: verifyText,
		Flags: slices.Concat(
			command.OutputFlags(), filter.Flags(),
			command.CompareFlags("; the source is read all the same"),
			serverFlags("connections that read at once (default: up to 6, at most half the "+
				"server's thread-pool-size)", "the next verify"),
			paceFlags(),
			[]cli.Flag{
				&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Category: command.Dump,
					Usage: "compare with the dump in " + command.Dir},
				encryption.IdentityFlag(),
			},
		),
		Action: verifyAction,
	}
}

func verifyAction(c *cli.Context) error {
	var keys encryption.Keys
	o, err := command.Read(c, func(v *command.Values) verifysource.Options {
		o := parseVerify(v)
		keys = command.Get(v, encryption.FromFlags)
		return o
	})
	if err != nil {
		return err
	}
	if o.Archive, err = archive.Open(c.Context, c.String("in"), 0, keys.Identities...); err != nil {
		return err
	}
	defer o.Archive.Close()
	o.Summary = command.Summarize(c, "", command.AfterVerify("changed.jsonl"))
	return verifysource.Run(c.Context, o)
}

func parseVerify(v *command.Values) verifysource.Options {
	v.NoArguments("the dump is given with --in")
	v.Refuse(v.String("in") == "", "--in is missing: it names the directory of the dump")
	v.Checked("in", storage.Check)
	o := verifysource.Options{
		Meter: command.Get(v, command.Meter), Threads: parseThreads(v),
		Rounds: v.Int("rounds", 1, 100),
		Report: v.String("report"), KeysOnly: v.Bool("keys-only"), Cache: cacheSwitch(v.Context),
		Out: command.Out(v.Context), Log: v.App.ErrWriter,
	}
	o.Reader, o.Filter = parseServer(v)
	o.Limits, o.Windows = parsePace(v, &o.Reader)
	if v.String("sample") != "" {
		o.Sample = command.Parse(v, "sample", sample.Parse)
	}
	v.Usage(o.Reader.Check())
	return o
}
