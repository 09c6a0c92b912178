package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

const packText = `Writes a finished dump to standard output as one stream, a tar, and compares
each file with the manifest as it goes. An encrypted dump is packed as it is,
without an identity.

EXAMPLES:
   kvload pack /backup/pika > pika.tar
   kvload pack /backup/pika |
      ssh target kvload load --uri redis://127.0.0.1:6666 --in -`

const unpackText = `Reads a stream that kvload pack or pikadump dump --out - wrote, from standard
input, into a directory. The dump there is finished when the whole stream has
come and every file is what its manifest says. Otherwise nothing is left of
it.

EXAMPLES:
   kvload unpack --out /backup/pika < pika.tar
   ssh source kvload pack /backup/pika | kvload unpack --out /backup/pika`

func packCommand() *cli.Command {
	return &cli.Command{
		Name: "pack", Usage: "write a dump as one stream", UsageText: "kvload pack DIR > FILE",
		ArgsUsage: "DIR", Description: packText,
		Flags: command.ProgressFlags(),
		Action: command.Action(parsePack, func(c *cli.Context, o pack.Options) error {
			o.Summary = command.Summarize(c, o.Location, nil)
			return o.Pack(c.Context, c.App.Writer)
		}),
	}
}

func parsePack(v *command.Values) (o pack.Options) {
	o.Location = parseDump(v).Location
	v.Refuse(progress.IsTerminal(v.App.Writer), "the stream goes to standard output, which is a "+
		"terminal: send it to a file or through a pipe")
	o.Meter = command.Get(v, command.Meter)
	return o
}

func unpackCommand() *cli.Command {
	return &cli.Command{
		Name: "unpack", Usage: "write a stream into a directory as a dump",
		UsageText: "kvload unpack --out DIR < FILE", Description: unpackText,
		Flags: append(command.OutputFlags(), outFlags()...),
		Action: command.Action(parseUnpack, func(c *cli.Context, o pack.Options) error {
			o.Summary = command.Summarize(c, o.Location, thenCheck(o.Location))
			return o.Unpack(c.Context, c.App.Reader)
		}),
	}
}

func parseUnpack(v *command.Values) (o pack.Options) {
	v.NoArguments("the directory is given with --out, and the stream comes from standard input")
	o.Location, o.Storage = parseOut(v)
	f, ok := v.App.Reader.(*os.File)
	v.Refuse(ok && progress.IsTerminal(f), "the stream comes from standard input, which is a "+
		"terminal: send it from a file or through a pipe, as in "+
		"kvload unpack --out %s < FILE", o.Location)
	o.Meter = command.Get(v, command.Meter)
	return o
}
