package main

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

const getText = `Finds each key by the footers of the chunks and reads one frame of each type,
from a directory or a bucket. A name with several types is shown in each,
an expired key with its value. Keys come in byte order.

Keys that the dump does not have are named on standard error (exit code 3).

--format resp writes commands for redis-cli --pipe, and replaces what the
target has under these names. The flags below "What is written" belong to it.

EXAMPLES:
   kvload get /backup/pika user:1000
   kvload get --format json 's3://backups/pika?region=eu-west-1' user:1000
   kvload get --format resp /backup/pika user:1000 |
      redis-cli -h 10.0.0.9 --pipe
   kvload get --keys-from names.txt --format json /backup/pika
   kvload get --base /backup/base /backup/chain/000007 user:1000
   echo AP8= | kvload get --keys-from - --base64 /backup/pika`

const catText = `Writes the keys of a dump to standard output: by database, by type, in byte
order. The summary goes to standard error.

   table  a line for each key, with the beginning of its value
   json   a line of JSON for each key, with all of its value
   resp   commands for redis-cli --pipe, of one database (--db)
   csv    a row for each element; streams do not fit

Expired keys are shown, but not written as commands. docs/operations/look.md
has the schema of JSON and CSV.

EXAMPLES:
   kvload cat --limit 20 /backup/pika
   kvload cat --format json --match 'user:*' /backup/pika | jq .key
   kvload cat --format resp --db 0 /backup/pika | redis-cli --pipe
   kvload cat --base /backup/base /backup/chain    # what both amount to
   kvload cat /backup/chain/000007                 # what changed`

const lsText = `Lists the chunks of a dump: range of keys, and how many are in it. With --db,
--type and --match only chunks that can have such keys. Reads the manifest
only.

EXAMPLES:
   kvload ls /backup/pika
   kvload ls --type hash --match 'user:*' /backup/pika
   kvload ls --format json /backup/pika | jq -r .name`

// showFlags are those of get and cat.
func showFlags() []cli.Flag {
	return slices.Concat(rewriteFlags(), command.ProgressFlags(), []cli.Flag{
		baseFlag("what is shown is what it and the deltas amount to; without it a delta shows " +
			"what changed"),
		formatFlag("`table|json|resp|csv` for people, a line of JSON for each key, commands for " +
			"redis-cli --pipe, or a row for each element"),
		encryption.IdentityFlag(),
	})
}

func formatFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: string(export.Table),
		Usage: usage, Category: command.Output}
}

func catCommand() *cli.Command {
	return &cli.Command{
		Name: "cat", Usage: "write the keys of a dump to standard output",
		UsageText: "kvload cat [options] DIR", ArgsUsage: "DIR", Description: catText,
		Flags: append(showFlags(),
			&cli.StringSliceFlag{Name: "key", Category: command.Keys,
				Usage: "only the key `NAME`; can be given more than once (kvload get has more " +
					"ways)"},
			&cli.Int64Flag{Name: "limit", Usage: "end after `N` keys", Category: command.Keys}),
		Action: command.Action(parseDump, func(c *cli.Context, dump *export.Source) error {
			names, err := export.ParseKeys(c.StringSlice("key"), false)
			if err != nil {
				return err
			}
			return show(c, dump, func(x *export.Exporter) error {
				if names == nil {
					return x.Cat()
				}
				return x.Get(names)
			})
		}),
	}
}

func getCommand() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "write single keys of a dump to standard output",
		UsageText: "kvload get [options] DIR KEY...", ArgsUsage: "DIR KEY...",
		Description: getText,
		Flags: append(showFlags(),
			command.Text("keys-from", command.Keys, "the keys are the lines of `FILE`; -: of "+
				"standard input"),
			command.Bool("base64", command.Keys, "the keys are given in base64, for those that "+
				"are no text")),
		Action: get,
	}
}

func get(c *cli.Context) error {
	args, from := c.Args().Slice(), c.String("keys-from")
	if len(args) == 0 || (len(args) == 1) == (from == "") {
		return exitcode.Usagef("give a dump, a directory or the URL of a prefix in a bucket, and " +
			"behind it the keys, or the keys with --keys-from FILE")
	}
	names, err := export.ParseKeys(args[1:], c.Bool("base64"))
	if err != nil {
		return err
	}
	dump, err := command.Read(c, func(v *command.Values) *export.Source {
		return parseSource(v, args[0])
	})
	if err != nil {
		return err
	}
	in := c.App.Reader
	if from != "" && from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return exitcode.Usagef("--keys-from: %w", err)
		}
		defer f.Close()
		in = f
	}
	return show(c, dump, func(x *export.Exporter) error {
		if from == "" {
			return x.Get(names)
		}
		return x.GetList(pack.Interruptible(c.Context, in), c.Bool("base64"))
	})
}

// parseDump reads which dump is the command's one argument.
func parseDump(v *command.Values) *export.Source {
	v.Refuse(v.NArg() != 1, "give one dump, a directory or the URL of a prefix in a bucket, after "+
		"the flags")
	return parseSource(v, v.Args().First())
}

// parseSource reads with which keys and on which base the dump there is read.
func parseSource(v *command.Values, location string) *export.Source {
	v.Usage(storage.Check(location))
	return &export.Source{
		Location: location, Base: v.Checked("base", storage.Check), Log: v.App.ErrWriter,
		Identities: command.Get(v, encryption.FromFlags).Identities,
	}
}

// show writes keys of a dump as the flags say.
func show(c *cli.Context, dump *export.Source, write func(*export.Exporter) error) error {
	o, err := command.Read(c, parseShow)
	if err != nil {
		return err
	}
	dump.Summary = command.Summarize(c, dump.Location, nil)
	dump.Summary.Own = c.Command.Name == "get" // what was asked for stands there: that is all
	w := pack.InterruptibleWriter(c.Context, c.App.Writer)
	return dump.Show(c.Context, w, o, write)
}

// ofCommands are flags that say what becomes of a key on a target.
var ofCommands = strings.Fields("on-conflict hyperloglog ttl ttl-min key-prefix-strip " +
	"key-prefix-add")

func parseShow(v *command.Values) (o export.Options) {
	o.Format = command.Choose[export.Format](v, "format")
	for _, name := range ofCommands {
		v.Refuse(v.IsSet(name) && o.Format != export.RESP,
			"--%s goes with --format resp: the other formats show what is in the dump", name)
	}
	o.Filter, o.Limit = command.Get(v, filter.FromFlags), v.Int64("limit")
	v.Refuse(o.Limit < 0, "--limit %d is negative", o.Limit)
	o.Width, o.Whole, o.Log = progress.Width(v.App.Writer), v.Command.Name == "get", v.App.ErrWriter
	var policy writer.HLLPolicy
	o.Rewrite, policy = parseRewrite(v)
	o.HyperLogLogs = policy == writer.AsString
	if !progress.IsTerminal(v.App.Writer) {
		o.Meter = command.Get(v, command.Meter)
	}
	return o
}

func lsCommand() *cli.Command {
	return &cli.Command{
		Name: "ls", Usage: "list the chunks of a dump",
		UsageText: "kvload ls [options] DIR", ArgsUsage: "DIR", Description: lsText,
		Flags: append(filter.Flags(),
			formatFlag("`table|json` for people, or a line of JSON for each chunk, as the "+
				"manifest has it"),
			encryption.IdentityFlag()),
		Action: command.Action(parseDump, func(c *cli.Context, dump *export.Source) error {
			f, err := filter.FromFlags(c)
			if err != nil {
				return err
			}
			dump.Summary = command.Summarize(c, dump.Location, nil)
			dump.Summary.Own = true
			w := pack.InterruptibleWriter(c.Context, c.App.Writer)
			as, width := export.Format(c.String("format")), progress.Width(c.App.Writer)
			return dump.List(c.Context, w, &f, as, width)
		}),
	}
}
