package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

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

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect", Usage: "show what is in a dump", UsageText: "kvload inspect [--json] DIR", ArgsUsage: "DIR",
		Description: "Reads only the manifest. kvload check reads everything.\n\nEXAMPLES:\n   kvload inspect /backup/pika\n   kvload inspect --json /backup/pika | jq .totals\n   kvload inspect 's3://backups/pika?region=eu-west-1'",
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the manifest as JSON", EnvVars: command.Env("KVLOAD")("json"), Category: categoryOutput}, encryption.IdentityFlag(command.Env("KVLOAD"))},
		Action: func(c *cli.Context) error {
			location, keys, err := argument(c)
			if err != nil {
				return err
			}
			s := command.Summarize(c, thenCheck(c, location))
			s.Own = true
			s.Dump.Place = summary.Place(location)
			a, err := archive.Open(c.Context, location, 0, keys.Identities...)
			if err != nil {
				return err
			}
			defer a.Close()
			if c.Bool("json") {
				command.PrintedJSON(c)
				enc := json.NewEncoder(c.App.Writer)
				enc.SetIndent("", "  ")
				return enc.Encode(a.Manifest)
			}
			inspect(c.App.Writer, a.Manifest)
			return nil
		},
	}
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

func inspect(w io.Writer, m *format.Manifest) {
	fmt.Fprintf(w, "dump %s, format version %d, written by %s\n", m.Dump, m.Version, m.Tool)
	role := m.Source.Role
	if m.Source.Link != "" {
		role += ", link to its master " + m.Source.Link
	}
	fmt.Fprintf(w, "source: %s %s at %s, role %s\n", serverName(m.Source.Server), m.Source.Version, m.Source.Address, role)
	fmt.Fprintf(w, "from %s to %s (%s); the source's clock was %d ms ahead\n", m.Started.Format(time.RFC3339), m.Finished.Format(time.RFC3339),
		progress.Duration(m.Finished.Sub(m.Started)), m.Source.ClockDifference)
	fmt.Fprintf(w, "consistency: %s (%s)\n", m.Consistency.Statement, m.Consistency.Reason)
	report.SayPartial(w, m.Options)
	fmt.Fprintln(w)
	report.Totals(w, m.Totals)
	fmt.Fprintf(w, "\nnames in several types: %s\nexpired while being read: %s\n", progress.Count(m.Conflicts), progress.Count(m.Expired))
	report.Skipped(w, m.Skipped)
}

// serverName returns the name of what a dump is of: a Pika, or the target of a load with --undo.
func serverName(server string) string {
	if server == "" {
		return "Pika"
	}
	return strings.ToUpper(server[:1]) + server[1:]
}
