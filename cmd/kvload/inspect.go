package main

import (
	"encoding/json"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const inspectDescription = `Reads only manifests, of a chain those of its deltas. kvload check reads
everything.

EXAMPLES:
   kvload inspect /backup/pika
   kvload inspect --json /backup/pika | jq .totals
   kvload inspect 's3://backups/pika?region=eu-west-1'
   kvload inspect /backup/pika.chain`

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what is in a dump", UsageText: "kvload inspect [--json] DIR", ArgsUsage: "DIR", Description: inspectDescription,
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the manifest as JSON, of a chain an array of them", Category: categoryOutput}, encryption.IdentityFlag()},
		Action: inspect,
	}
}

func inspect(c *cli.Context) error {
	location, keys, err := argument(c)
	if err != nil {
		return err
	}
	s := command.Summarize(c, thenCheck(c, location))
	s.Own = true
	s.Dump.Place = summary.Place(location)
	chain, err := archive.IsChain(c.Context, location)
	members := []archive.Member{{Location: location, Finished: true}}
	if err == nil && chain {
		members, err = archive.Chain(c.Context, location, keys.Identities...)
		if err != nil {
			return err
		}
	}
	all, unfinished := []*format.Manifest{}, 0
	for _, m := range members {
		if !m.Finished {
			unfinished = m.Number
			continue
		}
		a, err := archive.OpenAny(c.Context, m.Location, 0, keys.Identities...)
		if err != nil {
			return err
		}
		if !c.Bool("json") {
			a.Manifest.Chunks = nil // of a long chain they would be many
		}
		all = append(all, a.Manifest)
		a.Close()
	}
	switch {
	case c.Bool("json"):
		command.PrintedJSON(c)
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		if chain {
			return enc.Encode(all)
		}
		return enc.Encode(all[0])
	case chain:
		report.Chain(c.App.Writer, all, unfinished, min(80, progress.Width(c.App.Writer)))
	default:
		report.Dump(c.App.Writer, all[0], min(80, progress.Width(c.App.Writer)))
	}
	return nil
}

// argument returns the dump that is the command's one argument, and the keys to read it with.
func argument(c *cli.Context) (location string, keys encryption.Keys, err error) {
	if c.NArg() != 1 {
		return "", keys, exitcode.Usagef("give one dump, a directory or the URL of a prefix in a bucket, after the flags")
	}
	return dumpToRead(c, c.Args().First())
}

// dumpToRead checks the location of a dump, and returns the keys to read it with.
func dumpToRead(c *cli.Context, location string) (_ string, keys encryption.Keys, err error) {
	if err := storage.Check(location); err != nil {
		return "", keys, &exitcode.UsageError{Err: err}
	}
	if keys, err = encryption.FromFlags(c); err != nil {
		return "", keys, &exitcode.UsageError{Err: err}
	}
	return location, keys, nil
}
