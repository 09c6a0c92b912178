package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/extract"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const extractDescription = `Writes the keys that --match, --db and --type choose into a dump of their
own, with a new id. Its options say which part it is. Source, times,
consistency, conflicts and skipped keys are those of the dump.

A run that was stopped cannot be resumed: the same command makes the part
anew. An encrypted one that is not finished has to be removed by hand first.

EXAMPLES:
   kvload extract --match 'user:*' --out /backup/users /backup/pika
   kvload extract --db 3 --type hash --out /backup/db3 /backup/pika
   kvload extract --match 'user:*' --identity key.txt --encrypt-to age1… \
      --out /backup/users /backup/pika`

func extractCommand() *cli.Command {
	return &cli.Command{
		Name: "extract", Usage: "make a dump of a part of a dump", UsageText: "kvload extract --out DIR2 [options] DIR", ArgsUsage: "DIR", Description: extractDescription,
		Flags: append(append(append(outFlags(), filter.Flags()...), command.OutputFlags()...),
			encryption.IdentityFlag(), encryption.RecipientFlag(),
			&cli.BoolFlag{Name: "plain", Usage: "write a dump that is not encrypted, of one that is", Category: "Encryption"}),
		Action: extractAction,
	}
}

// outFlags say where a dump is written to.
func outFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the dump to `DIR`, a directory or the URL of a prefix in a bucket, which must be empty or not there", Category: categoryDump},
		&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "for a bucket, keep each file in `DIR` until it is sent", Category: "Bucket or stream"},
		&cli.BoolFlag{Name: "break-lock", Usage: "take over the lock of a run in a bucket; only if you know that the run is gone", Category: "Bucket or stream"},
	}
}

// outStorage returns how it is written there.
func outStorage(c *cli.Context) storage.Options {
	return storage.Options{Spool: c.String("spool"), BreakLock: c.Bool("break-lock")}
}

// outLocation returns where a dump is written to.
func outLocation(c *cli.Context) (string, error) {
	location := c.String("out")
	if location == "" {
		return "", exitcode.Usagef("--out is missing: it names the directory to write to")
	}
	if err := storage.Check(location); err != nil {
		return "", exitcode.Usagef("--out: %w", err)
	}
	return location, nil
}

func extractAction(c *cli.Context) error {
	location, keys, err := argument(c)
	if err != nil {
		return err
	}
	out, err := outLocation(c)
	if err != nil {
		return err
	}
	o := extract.Options{Tool: c.App.Name + " " + c.App.Version, Log: c.App.ErrWriter}
	if o.Filter, err = filter.FromFlags(c); err != nil {
		return err
	}
	o.Archive.Keys = encryption.Keys{Recipients: keys.Recipients}
	o.Archive.Storage = outStorage(c)
	s := command.Summarize(c, thenCheck(c, out))
	s.Dump.Place = summary.Place(out)
	a, err := archive.Open(c.Context, location, 0, keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	if a.IsEncrypted() && len(keys.Recipients) == 0 && !c.Bool("plain") {
		return exitcode.Usagef("the dump is encrypted: give --encrypt-to RECIPIENT, or --plain for a part that is not")
	}
	logging.SetDump(c.App.ErrWriter, a.Manifest.Dump)
	if o.Meter, err = command.Meter(c); err != nil {
		return err
	}
	m, err := extract.Run(c.Context, a, out, o)
	if err != nil {
		return damaged(c, location, err)
	}
	s.Of(m, out)
	s.Hold(m.Totals)
	s.Note("a part of dump " + a.Manifest.Dump + " in " + summary.Place(a.Path()))
	for _, line := range report.Partial(m.Options) {
		s.Note("the dump is " + line)
	}
	for _, r := range m.Skipped {
		s.Leave(r.Reason, r.Keys, report.Reasons[r.Reason], false, "")
	}
	s.Finished = true
	return nil
}
