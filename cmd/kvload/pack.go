package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const packDescription = `Writes a finished dump to standard output as one stream, a tar, and compares
each file with the manifest as it goes. An encrypted dump is packed as it is,
without an identity.

EXAMPLES:
   kvload pack /backup/pika > pika.tar
   kvload pack /backup/pika |
      ssh target kvload load --uri redis://127.0.0.1:6666 --in -`

const unpackDescription = `Reads a stream that kvload pack or pikadump dump --out - wrote, from standard
input, into a directory. The dump there is finished when the whole stream has
come and every file is what its manifest says. Otherwise nothing is left of
it.

EXAMPLES:
   kvload unpack --out /backup/pika < pika.tar
   ssh source kvload pack /backup/pika | kvload unpack --out /backup/pika`

func packCommand() *cli.Command {
	return &cli.Command{
		Name: "pack", Usage: "write a dump as one stream", UsageText: "kvload pack DIR > FILE", ArgsUsage: "DIR", Description: packDescription,
		Flags:  command.ProgressFlags(),
		Action: packAction,
	}
}

func unpackCommand() *cli.Command {
	return &cli.Command{
		Name: "unpack", Usage: "write a stream into a directory as a dump", UsageText: "kvload unpack --out DIR < FILE", Description: unpackDescription,
		Flags:  append(command.OutputFlags(), outFlags()...),
		Action: unpackAction,
	}
}

func packAction(c *cli.Context) error {
	location, _, err := argument(c)
	if err != nil {
		return err
	}
	if progress.IsTerminal(c.App.Writer) {
		return exitcode.Usagef("the stream goes to standard output, which is a terminal: send it to a file or through a pipe")
	}
	dir, err := storage.Open(c.Context, location)
	if errors.Is(err, storage.ErrLocation) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", archive.ErrIncomplete, err)
	}
	meter, err := command.Meter(c)
	if err != nil {
		return err
	}
	s := command.Summarize(c, nil)
	s.Dump.Place = summary.Place(location)
	defer meter.Begin("pack", 1)()
	whole := meter.Part(progress.Name{})
	err = pack.Pack(c.Context, dir, c.App.Writer, func(f format.File, all int64) {
		meter.ExpectAll(all)
		whole.Add(0, f.Size, f.Size)
		s.Stored += f.Size
		s.Written++
	})
	if err == nil {
		meter.Done(whole)
	}
	return err
}

func unpackAction(c *cli.Context) error {
	if err := command.NoArguments(c, "the directory is given with --out, and the stream comes from standard input"); err != nil {
		return err
	}
	location, err := outLocation(c)
	if err != nil {
		return err
	}
	if f, ok := c.App.Reader.(*os.File); ok && progress.IsTerminal(f) {
		return exitcode.Usagef("the stream comes from standard input, which is a terminal: send it from a file or through a pipe, as in kvload unpack --out %s < FILE", location)
	}
	defer storage.Absent(location)()
	dir, err := storage.Create(c.Context, location, outStorage(c))
	if err != nil {
		return fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	meter, err := command.Meter(c)
	if err != nil {
		return err
	}
	s := command.Summarize(c, thenCheck(c, location))
	s.Dump.Place = summary.Place(location)
	end := meter.Begin("unpack", 1)
	whole := meter.Part(progress.Name{})
	err = pack.Unpack(c.Context, pack.Interruptible(c.Context, c.App.Reader), dir, func(f format.File) {
		s.Written, s.Stored = s.Written+1, s.Stored+f.Size
		whole.Add(0, f.Size, f.Size)
	})
	if err == nil {
		meter.Done(whole)
	}
	end()
	return err
}
