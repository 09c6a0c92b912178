package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifysource"
)

const verifyDescription = `Reads every key of a dump at the source again and shows what has changed
there: missing, type, value, missing elements, extra elements, expiry
differs; exit code 4. Keys that have expired since are shown, but are no
differences. It does not look for new keys. The source is only read.

EXAMPLES:
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika \
      --sample 1% --report changed.jsonl`

func verifyCommand() *cli.Command {
	const keys, how = "Which keys", "Comparison"
	flags := slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: "compare with the dump in `DIR`, a directory or the URL of a prefix in a bucket", Category: "Dump"},
			&cli.StringFlag{Name: "report", Usage: "list what differs, and what is explained, as JSON lines in `FILE`", Category: "Output"},
		},
		command.OutputFlags(),
		connect.Flags(9221),
		filter.Flags(),
		[]cli.Flag{
			&cli.StringFlag{Name: "sample", Usage: "only a sample of the keys, such as `1%`: chosen by their names, the same each time", Category: keys},
			&cli.BoolFlag{Name: "keys-only", Usage: "compare type, length and expiry, not the elements; the source is read all the same", Category: how},
			&cli.IntFlag{Name: "rounds", Value: 2, Usage: "maximum passes; each re-checks the keys that differed", Category: how},
			threadsFlag("connections that read at once (default: up to 6, at most half the server's thread-pool-size)"),
			timeoutFlag(),
			retryFlag(),
			cacheFlag("the next verify"),
			encryption.IdentityFlag(),
		},
	)
	return &cli.Command{
		Name: "verify", Usage: "show what has changed at the source since a dump",
		UsageText: "pikadump verify --uri redis://HOST:9221 --in DIR [options]", Description: verifyDescription,
		Flags:  flags,
		Action: verifyAction,
	}
}

func verifyAction(c *cli.Context) error {
	in := c.String("in")
	o := verifysource.Options{
		Threads: c.Int("threads"), Report: c.String("report"), KeysOnly: c.Bool("keys-only"), Rounds: c.Int("rounds"),
		Cache: cacheSwitch(c), Out: command.Out(c), Log: c.App.ErrWriter,
	}
	var err error
	if o.Meter, err = command.Meter(c); err != nil {
		return err
	}
	err = command.NoArguments(c, "the dump is given with --in")
	switch {
	case err != nil:
		return err
	case in == "":
		return exitcode.Usagef("--in is missing: it names the directory of the dump")
	case o.Threads < 0 || o.Threads > 1024:
		return exitcode.Usagef("--threads %d: it is between 1 and 1024", o.Threads)
	case o.Rounds < 1 || o.Rounds > 100:
		return exitcode.Usagef("--rounds %d: it is between 1 and 100", o.Rounds)
	}
	err = storage.Check(in)
	if err != nil {
		return exitcode.Usagef("--in: %w", err)
	}
	if o.Reader, o.Filter, err = parseServer(c); err != nil {
		return err
	}
	keys, err := encryption.FromFlags(c)
	if err != nil {
		return &exitcode.UsageError{Err: err}
	}
	if s := c.String("sample"); s != "" {
		if o.Sample, err = sample.Parse(s); err != nil {
			return exitcode.Usagef("--sample: %w", err)
		}
	}
	if err := o.Reader.Check(); err != nil {
		return &exitcode.UsageError{Err: err}
	}
	if o.Archive, err = archive.Open(c.Context, in, 0, keys.Identities...); err != nil {
		return err
	}
	defer o.Archive.Close()
	o.Summary = command.Summarize(c, afterVerify(c))
	return verifysource.Run(c.Context, o)
}
