package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dumpreport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
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
	return &cli.Command{
		Name: "report", Usage: "write a page about a dump and its loads", UsageText: "kvload report DIR --out FILE", ArgsUsage: "DIR",
		Description: reportDescription,
		Flags: append(command.OutputFlags(),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the page to `FILE`; -: to standard output", Category: categoryOutput},
			&cli.StringFlag{Name: "lang", Value: string(dumpreport.English), Usage: "`en|zh` language of the page", Category: categoryOutput},
			&cli.StringSliceFlag{Name: "state", DefaultText: "those in DUMP.load, beside the dump", Usage: "show the load whose --state was `DIR`, a directory or the URL of a prefix in a bucket; can be given more than once", Category: categoryDump},
			baseFlag("what both amount to is shown"), encryption.IdentityFlag(), readersFlag()),
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
	var file *dumpreport.File
	if out != "-" { // before the dump is read, which can take long
		if file, err = dumpreport.Create(out); err != nil {
			return err
		}
		defer file.Close()
	}
	a, s, err := count(c)
	if err != nil {
		return err
	}
	defer a.Close()
	p := &dumpreport.Page{Stats: s, Tool: "kvload " + command.Version, Now: time.Now(), Lang: lang}
	if err := p.Read(a); err != nil {
		return err
	}
	dump, states := cmp.Or(c.String("base"), c.Args().First()), c.StringSlice("state")
	if p.Loads, err = dumpreport.Loads(c.Context, dump, s.Dump, states); err != nil {
		return err
	}
	if p.DeltaLoads, err = dumpreport.DeltaLoads(c.Context, a.Deltas(), states); err != nil {
		return err
	}
	if file == nil {
		return dumpreport.WritePage(c.App.Writer, p)
	}
	if err := file.Write(p); err != nil || c.Bool("quiet") {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "wrote %s\n", out)
	return nil
}
