package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dumpreport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

const reportDescription = `Writes one page of HTML that needs no network and no script: what is in the
dump, what to know of it, and what came of its loads and of comparisons. It
names keys of the dump: treat it as you treat the dump.

Loads are found by their journals beside the dump (DUMP.load; of one in a
bucket, in the working directory), or where --state says. Each kvload verify
keeps its result there.

EXAMPLES:
   kvload report /backup/pika --out report.html
   kvload report /backup/pika --out report.html --lang zh
   kvload report 's3://backups/pika' --state /var/lib/load --out report.html
   kvload report /backup/chain --base /backup/base --out report.html`

func reportCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "report", Usage: "write a page about a dump and its loads", UsageText: "kvload report DIR --out FILE", ArgsUsage: "DIR",
		Description: reportDescription,
		Flags: append(command.OutputFlags(env),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the page to `FILE`; -: to standard output", EnvVars: env("out"), Category: categoryOutput},
			&cli.StringFlag{Name: "lang", Value: string(dumpreport.English), Usage: "`en|zh` language of the page", EnvVars: env("lang"), Category: categoryOutput},
			&cli.StringSliceFlag{Name: "state", DefaultText: "those in DUMP.load, beside the dump", Usage: "show the load whose --state was `DIR`, a directory or the URL of a prefix in a bucket; can be given more than once", EnvVars: env("state"), Category: categoryDump},
			baseFlag(env, "what both amount to is shown"), encryption.IdentityFlag(env), readersFlag(env)),
		Action: writeReport,
	}
}

func writeReport(c *cli.Context) error {
	out := c.String("out")
	if out == "" {
		return exitcode.Usagef("--out is missing: it names the file for the page")
	}
	if out == "-" && c.Bool("json") {
		return exitcode.Usagef("--out - and --json would both write to standard output: name a file for the page")
	}
	lang, err := dumpreport.ParseLang(c.String("lang"))
	if err != nil {
		return err
	}
	for _, state := range c.StringSlice("state") {
		if err := storage.Check(state); err != nil {
			return exitcode.Usagef("--state: %w", err)
		}
	}
	a, s, err := count(c)
	if err != nil {
		return err
	}
	defer a.Close()
	p := &dumpreport.Page{Stats: s, Manifest: a.Manifest, Place: place(a.Path()), Tool: "kvload " + command.Version, Now: time.Now(), Lang: lang}
	if err := p.Read(a); err != nil {
		return err
	}
	if p.Loads, err = loads(c.Context, c.Args().First(), c.StringSlice("state"), s); err != nil {
		return err
	}
	if out == "-" {
		return dumpreport.WritePage(c.App.Writer, p)
	}
	return replaceFile(out, func(w io.Writer) error { return dumpreport.WritePage(w, p) })
}

// place returns where a dump is, for people who are elsewhere.
func place(path string) string {
	if whole, err := filepath.Abs(path); err == nil && !storage.IsURL(path) {
		return whole
	}
	return summary.Place(path)
}

// loads returns what is known of the loads of a dump: those in the states, or if none is given,
// those beside the dump.
func loads(ctx context.Context, dump string, states []string, s *stats.Stats) (all []dumpreport.Load, err error) {
	if len(states) == 0 {
		states, err = loadstate.States(ctx, dump, s.Dump)
		if err != nil {
			return nil, fmt.Errorf("look for loads beside the dump: %w; say with --state where they are", err)
		}
		return loadsIn(ctx, states, s)
	}
	for _, state := range states {
		found, err := loadsIn(ctx, []string{state}, s)
		if err == nil && len(found) == 0 { // of a load into several targets
			var below []string
			if below, err = loadstate.Below(ctx, state); err == nil {
				found, err = loadsIn(ctx, below, s)
			}
		}
		if err == nil && len(found) == 0 {
			err = dumpreport.ErrNoLoad
		}
		if err != nil {
			return nil, fmt.Errorf("--state %s: %w", summary.Place(state), err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// loadsIn returns what is known of those loads whose states are of the dump: it may be that in the
// same place there was another dump before.
func loadsIn(ctx context.Context, states []string, s *stats.Stats) (all []dumpreport.Load, err error) {
	for _, state := range states {
		l, err := dumpreport.ReadLoad(ctx, state, s.Dump)
		switch {
		case err == nil:
			all = append(all, *l)
		case !errors.Is(err, dumpreport.ErrNoLoad):
			return nil, fmt.Errorf("%s: %w", summary.Place(state), err)
		}
	}
	return all, nil
}

// replaceFile writes a file as a whole: one of that name is as before if that fails.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
