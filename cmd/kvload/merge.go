package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/merge"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const mergeDescription = `Makes one full dump of a base and its chain of deltas, so that an archive
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
		Name: "merge", Usage: "make one full dump of a base and its deltas", UsageText: "kvload merge --out DIR [options] BASE CHAIN", ArgsUsage: "BASE CHAIN", Description: mergeDescription,
		Flags: append(append(outFlags(), command.OutputFlags()...),
			encryption.IdentityFlag(), encryption.RecipientFlag(),
			&cli.BoolFlag{Name: "plain", Usage: "write a dump that is not encrypted, of a base or deltas that are", Category: "Encryption"}),
		Action: mergeAction,
	}
}

func mergeAction(c *cli.Context) error {
	if c.NArg() != 2 {
		return exitcode.Usagef("give a full dump and behind it the chain of its deltas: kvload merge --out DIR BASE CHAIN")
	}
	base, _, err := dumpToRead(c, c.Args().Get(0))
	if err != nil {
		return err
	}
	chain, keys, err := dumpToRead(c, c.Args().Get(1))
	if err != nil {
		return err
	}
	o := merge.Options{Base: base, Chain: chain, Tool: c.App.Name + " " + c.App.Version, Plain: c.Bool("plain"), Log: c.App.ErrWriter}
	if o.Out, err = outLocation(c); err != nil {
		return err
	}
	o.Archive.Keys, o.Archive.Storage = keys, outStorage(c)
	check := thenCheck(c, o.Out)
	o.Summary = command.Summarize(c, func(s *summary.Summary, err error) []string {
		if s.Result == summary.Stopped {
			return []string{command.Next(c, "kvload merge", command.But())}
		}
		return check(s, err)
	})
	if o.Meter, err = command.Meter(c); err != nil {
		return err
	}
	_, err = merge.Run(c.Context, o)
	return err
}
