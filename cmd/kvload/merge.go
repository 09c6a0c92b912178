package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/merge"
)

const mergeText = `Makes one full dump of a base and its chain of deltas, so that an archive
does not grow without end. The result is a dump like any other: a new chain
can begin behind it (pikadump follow --base) where the old one ended.
CHAIN can be one of the deltas: then it is the last that is merged.

A run that was stopped is continued by the same command. Base and chain are
only read: remove them yourself when kvload check finds the new dump sound.

EXAMPLES:
   kvload merge --out /backup/base2 /backup/base /backup/chain
   kvload merge --out /backup/monday /backup/base /backup/chain/000007
   kvload merge --identity key.txt --encrypt-to age1… \
      --out 's3://backups/base2' 's3://backups/base' 's3://backups/chain'`

func mergeCommand() *cli.Command {
	return &cli.Command{
		Name: "merge", Usage: "make one full dump of a base and its deltas",
		UsageText: "kvload merge --out DIR [options] BASE CHAIN", ArgsUsage: "BASE CHAIN",
		Description: mergeText,
		Flags:       makeFlags("write a dump that is not encrypted, of a base or deltas that are"),
		Action: command.Action(parseMerge, func(c *cli.Context, o merge.Options) error {
			o.Summary = command.Summarize(c, o.Out, afterMerge)
			_, err := merge.Run(c.Context, o)
			return err
		}),
	}
}

func parseMerge(v *command.Values) merge.Options {
	v.Refuse(v.NArg() != 2, "give a full dump and behind it the chain of its deltas: kvload "+
		"merge --out DIR BASE CHAIN")
	o := merge.Options{
		Base:  parseSource(v, v.Args().Get(0)).Location,
		Chain: parseSource(v, v.Args().Get(1)).Location,
		Tool:  v.App.Name + " " + v.App.Version, Log: v.App.ErrWriter,
	}
	o.Out, o.Archive.Storage = parseOut(v)
	o.Archive.Keys, o.Meter = command.Get(v, encryption.FromFlags), command.Get(v, command.Meter)
	return o
}
