package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dumpreport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

const reportText = `Writes one page of HTML that needs no network and no script: what is in the
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
		Name: "report", Usage: "write a page about a dump and its loads",
		UsageText: "kvload report DIR --out FILE", ArgsUsage: "DIR",
		Description: reportText,
		Flags: append(countFlags("what both amount to is shown"),
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Category: command.Output,
				Usage: "write the page to `FILE`; -: to standard output"},
			&cli.StringFlag{Name: "lang", Value: string(dumpreport.English),
				Usage: "`en|zh` language of the page", Category: command.Output},
			&cli.StringSliceFlag{Name: "state", Category: command.Dump,
				DefaultText: "those in DUMP.load, beside the dump",
				Usage: "show the load whose --state was " + command.Dir +
					"; can be given more than once"}),
		Action: writeReport,
	}
}

// parseReport reads where the page goes, and in which language.
func parseReport(v *command.Values) dumpreport.Lang {
	out := v.String("out")
	v.Refuse(out == "", "--out is missing: it names the file for the page")
	v.Refuse(out == "-" && v.Bool("json"),
		"--out - and --json would both write to standard output: name a file for the page")
	for _, state := range v.StringSlice("state") {
		err := storage.Check(state)
		v.Refuse(err != nil, "--state: %w", err)
	}
	return command.Choose[dumpreport.Lang](v, "lang")
}

func writeReport(c *cli.Context) error {
	lang, err := command.Read(c, parseReport)
	if err != nil {
		return err
	}
	var file *dumpreport.File
	out := c.String("out")
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
	dump := cmp.Or(c.String("base"), c.Args().First())
	p, err := dumpreport.New(c.Context, a, s, dump, c.StringSlice("state"))
	if err != nil {
		return err
	}
	p.Tool, p.Now, p.Lang = "kvload "+command.Version, time.Now(), lang
	if file == nil {
		return dumpreport.WritePage(c.App.Writer, p)
	}
	if err := file.Write(p); err != nil || c.Bool("quiet") {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "wrote %s\n", out)
	return nil
}
