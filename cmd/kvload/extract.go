package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/extract"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
)

const extractText = `Writes the keys that --match, --db and --type choose into a dump of their
own, with a new id. Its options say which part it is. Source, times,
consistency, conflicts and skipped keys are those of the dump. It takes full
dumps: kvload merge makes one of a base and its chain.

A run that was stopped cannot be resumed: the same command makes the part
anew. An encrypted one that is not finished has to be removed by hand first.

EXAMPLES:
   kvload extract --match 'user:*' --out /backup/users /backup/pika
   kvload extract --db 3 --type hash --out /backup/db3 /backup/pika
   kvload extract --match 'user:*' --identity key.txt --encrypt-to age1… \
      --out /backup/users /backup/pika`

func extractCommand() *cli.Command {
	return &cli.Command{
		Name: "extract", Usage: "make a dump of a part of a dump",
		UsageText: "kvload extract --out DIR2 [options] DIR", ArgsUsage: "DIR",
		Description: extractText,
		Flags: append(makeFlags("write a dump that is not encrypted, of one that is"),
			filter.Flags()...),
		Action: extractAction,
	}
}

func extractAction(c *cli.Context) error {
	in, out := "", ""
	o, err := command.Read(c, func(v *command.Values) extract.Options {
		in = parseDump(v).Location
		o := extract.Options{
			Filter: command.Get(v, filter.FromFlags), Meter: command.Get(v, command.Meter),
			Tool: v.App.Name + " " + v.App.Version, Log: v.App.ErrWriter,
		}
		o.Archive.Keys = command.Get(v, encryption.FromFlags)
		out, o.Archive.Storage = parseOut(v)
		return o
	})
	if err != nil {
		return err
	}
	o.Summary = command.Summarize(c, out, thenCheck(out))
	a, err := archive.Open(c.Context, in, 0, o.Archive.Keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	logging.SetDump(c.App.ErrWriter, a.Manifest.Dump)
	_, err = extract.Run(c.Context, a, out, o)
	return err
}
