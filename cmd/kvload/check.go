package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/checkdump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

const checkText = `Needs no server. Says which files are damaged and where (13). Of a chain it
checks each delta, and that they follow one another.

For an encrypted dump it checks, without an identity, that every file is
there and as it was written. With --identity it looks into them as well.

EXAMPLES:
   kvload check /backup/pika
   kvload check --identity key.txt /backup/pika
   kvload check /backup/pika.chain`

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read a whole dump and verify every checksum, count and range",
		UsageText: "kvload check DIR", ArgsUsage: "DIR",
		Description: checkText,
		Flags:       append(command.OutputFlags(), encryption.IdentityFlag()),
		Action: command.Action(parseDump, func(c *cli.Context, dump *export.Source) error {
			return checkdump.Run(c.Context, checkdump.Options{
				Location: dump.Location, Identities: dump.Identities, Log: c.App.ErrWriter,
				Summary:  command.Summarize(c, dump.Location, thenLoad(dump.Location)),
				NewMeter: func() (*progress.Meter, error) { return command.Meter(c) },
			})
		}),
	}
}
