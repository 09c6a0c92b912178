package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/checkdump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const checkDescription = `Needs no server. Says which files are damaged and where (13). Of a chain it
checks each delta, and that they follow one another.

For an encrypted dump it checks, without an identity, that every file is
there and as it was written. With --identity it looks into them as well.

EXAMPLES:
   kvload check /backup/pika
   kvload check --identity key.txt /backup/pika
   kvload check /backup/pika.chain`

func checkCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "read a whole dump and verify every checksum, count and range", UsageText: "kvload check DIR", ArgsUsage: "DIR",
		Description: checkDescription,
		Flags:       append(command.OutputFlags(), encryption.IdentityFlag()),
		Action: func(c *cli.Context) error {
			location, keys, err := argument(c)
			if err != nil {
				return err
			}
			s := command.Summarize(c, thenLoad(c, location))
			s.Dump.Place = summary.Place(location)
			return checkdump.Run(c.Context, checkdump.Options{
				Location: location, Identities: keys.Identities, Summary: s, Log: c.App.ErrWriter,
				NewMeter: func() (*progress.Meter, error) { return command.Meter(c) },
			})
		},
	}
}
