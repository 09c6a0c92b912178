package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
)

const inspectText = `Reads only manifests, of a chain those of its deltas. kvload check reads
everything.

EXAMPLES:
   kvload inspect /backup/pika
   kvload inspect --json /backup/pika | jq .totals
   kvload inspect 's3://backups/pika?region=eu-west-1'
   kvload inspect /backup/pika.chain`

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what is in a dump",
		UsageText: "kvload inspect [--json] DIR", ArgsUsage: "DIR", Description: inspectText,
		Flags: []cli.Flag{
			command.Bool("json", command.Output, "print the manifest as JSON, of a chain an "+
				"array of them"),
			encryption.IdentityFlag(),
		},
		Action: command.Action(parseDump, func(c *cli.Context, dump *export.Source) error {
			command.Summarize(c, dump.Location, thenCheck(dump.Location)).Own = true
			err := dump.Inspect(c.Context, c.App.Writer, c.Bool("json"))
			if err == nil && c.Bool("json") {
				command.PrintedJSON(c)
			}
			return err
		}),
	}
}
