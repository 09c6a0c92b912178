package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

const getDescription = `Finds each key by the footers of the chunks and reads one frame of each type,
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
   echo AP8= | kvload get --keys-from - --base64 /backup/pika`

const catDescription = `Writes the keys of a dump to standard output: by database, by type, in byte
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
   kvload cat --format resp --db 0 /backup/pika | redis-cli --pipe`

const lsDescription = `Lists the chunks of a dump: range of keys, and how many are in it. With --db,
--type and --match only chunks that can have such keys. Reads the manifest
only.

EXAMPLES:
   kvload ls /backup/pika
   kvload ls --type hash --match 'user:*' /backup/pika
   kvload ls --format json /backup/pika | jq -r .name`

// showFlags are those of get and cat.
func showFlags(env func(string) []string) []cli.Flag {
	return append(append(rewriteFlags(env), command.ProgressFlags(env)...),
		&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: string(export.Table), Usage: "`table|json|resp|csv` for people, a line of JSON for each key, commands for redis-cli --pipe, or a row for each element", EnvVars: env("format"), Category: categoryOutput},
		encryption.IdentityFlag(env),
	)
}

func catCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "cat", Usage: "write the keys of a dump to standard output", UsageText: "kvload cat [options] DIR", ArgsUsage: "DIR", Description: catDescription,
		Flags: append(showFlags(env),
			&cli.StringSliceFlag{Name: "key", Usage: "only the key `NAME`; can be given more than once (kvload get has more ways)", EnvVars: env("key"), Category: "Which keys"},
			&cli.Int64Flag{Name: "limit", Usage: "end after `N` keys", EnvVars: env("limit"), Category: "Which keys"}),
		Action: func(c *cli.Context) error {
			location, keys, err := argument(c)
			if err != nil {
				return err
			}
			var names [][]byte
			for _, name := range c.StringSlice("key") {
				names = append(names, []byte(name))
			}
			return show(c, location, keys, func(x *export.Exporter) (int64, error) {
				if names == nil {
					return 0, x.Cat()
				}
				return getKeys(c, x, names)
			})
		},
	}
}

func getCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "get", Usage: "write single keys of a dump to standard output", UsageText: "kvload get [options] DIR KEY...", ArgsUsage: "DIR KEY...", Description: getDescription,
		Flags: append(showFlags(env),
			&cli.StringFlag{Name: "keys-from", Usage: "the keys are the lines of `FILE`; -: of standard input", EnvVars: env("keys-from"), Category: "Which keys"},
			&cli.BoolFlag{Name: "base64", Usage: "the keys are given in base64, for those that are no text", EnvVars: env("base64"), Category: "Which keys"}),
		Action: get,
	}
}

func get(c *cli.Context) error {
	args, from := c.Args().Slice(), c.String("keys-from")
	if len(args) == 0 || (len(args) == 1) == (from == "") {
		return exitcode.Usagef("give a dump, a directory or the URL of a prefix in a bucket, and behind it the keys, or the keys with --keys-from FILE")
	}
	var names [][]byte
	for _, text := range args[1:] {
		name, err := export.ParseKey([]byte(text), c.Bool("base64"))
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	location, keys, err := dumpToRead(c, args[0])
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
	return show(c, location, keys, func(x *export.Exporter) (int64, error) {
		if from == "" {
			return getKeys(c, x, names)
		}
		missing := int64(0)
		err := export.ReadKeys(pack.Interruptible(c.Context, in), c.Bool("base64"), func(names [][]byte) error {
			n, err := getKeys(c, x, names)
			missing += n
			return err
		})
		return missing, err
	})
}

// getKeys writes keys, and names those that are missing.
func getKeys(c *cli.Context, x *export.Exporter, names [][]byte) (missing int64, err error) {
	err = x.Get(names, func(name []byte) {
		missing++
		fmt.Fprintf(c.App.ErrWriter, "not in the dump: %q\n", name)
	})
	return missing, err
}

// show writes keys of a dump as the flags say. Write returns how many are missing.
func show(c *cli.Context, location string, keys encryption.Keys, write func(*export.Exporter) (int64, error)) error {
	o, err := showOptions(c)
	if err != nil {
		return err
	}
	s := command.Summarize(c, nil)
	s.Own = c.Command.Name == "get" // what was asked for stands there: no more is to be said
	s.Dump.Place = summary.Place(location)
	a, err := archive.Open(c.Context, location, 0, keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	logging.SetDump(c.App.ErrWriter, a.Manifest.Dump)
	s.Of(a.Manifest, a.Path())
	left, lost := map[string]int64{}, int64(0)
	o.Left = func(l export.LeftOut) {
		left[l.Reason]++
		if l.Reason != export.Expired || s.Own {
			lost++
			fmt.Fprintf(c.App.ErrWriter, "left out: %s %q of db%d: %s (%s)\n", l.Kind, l.Key, l.DB, l.Reason, report.ShowReasons[l.Reason])
		}
	}
	if !progress.IsTerminal(c.App.Writer) && !s.Own {
		end, err := watchUnits(c, a, "cat", export.MayHold(&o.Filter), &o.Unit)
		if err != nil {
			return err
		}
		defer end()
	}
	x, err := export.New(c.Context, a, pack.InterruptibleWriter(c.Context, c.App.Writer), o)
	if err != nil {
		return err
	}
	missing, err := write(x)
	s.Keys, s.Elements, s.Bytes = x.Keys, x.Elements, x.Bytes
	for reason, n := range left {
		s.Leave(reason, n, report.ShowReasons[reason], reason != export.Expired || s.Own, "")
	}
	switch {
	case err != nil:
		return err
	case missing > 0:
		return &exitcode.LeftOutError{Text: fmt.Sprintf("%s not in the dump", progress.Plural(missing, "key is", "keys are"))}
	case lost > 0:
		return &exitcode.LeftOutError{Text: fmt.Sprintf("%s left out of what was written", progress.Plural(lost, "key was", "keys were"))}
	}
	s.Finished = true
	return nil
}

// watchUnits shows the progress of what reads the units of a dump whose chunks keep accepts. It
// sets what is to be told of each.
func watchUnits(c *cli.Context, a *archive.Archive, phase string, keep func(format.ChunkInfo) bool, done *func(archive.Unit)) (end func(), err error) {
	meter, err := command.Meter(c)
	if err != nil {
		return nil, err
	}
	part := func(u archive.Unit) *progress.Counter {
		return meter.Part(progress.Name{DB: u[0].DB, Type: string(u[0].Type)})
	}
	for _, u := range a.Units(keep) {
		part(u).Expect(u.Stored())
	}
	*done = func(u archive.Unit) {
		for _, ci := range u {
			part(u).Add(ci.Keys, ci.Raw, ci.Size)
			part(u).AddElements(ci.Elements)
		}
		part(u).UnitDone()
	}
	return meter.Begin(phase, 1), nil
}

// ofCommands are flags that say what becomes of a key on a target.
var ofCommands = []string{"on-conflict", "hyperloglog", "ttl", "ttl-min", "key-prefix-strip", "key-prefix-add"}

func showOptions(c *cli.Context) (o export.Options, err error) {
	if o.Format, err = export.ParseFormat(c.String("format")); err != nil {
		return o, err
	}
	if i := slices.IndexFunc(ofCommands, c.IsSet); i >= 0 && o.Format != export.RESP {
		return o, exitcode.Usagef("--%s goes with --format resp: the other formats show what is in the dump", ofCommands[i])
	}
	if o.Filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if o.Limit = c.Int64("limit"); o.Limit < 0 {
		return o, exitcode.Usagef("--limit %d is negative", o.Limit)
	}
	o.Width, o.Whole = progress.Width(c.App.Writer), c.Command.Name == "get"
	o.Rewrite.Prefix = rewrite.Prefix{Strip: []byte(c.String("key-prefix-strip")), Add: []byte(c.String("key-prefix-add"))}
	if o.Rewrite.Conflict, err = rewrite.ParseConflict(c.String("on-conflict")); err != nil {
		return o, err
	}
	if o.Rewrite.TTL, err = rewrite.ParseTTL(c.String("ttl"), c.Duration("ttl-min")); err != nil {
		return o, err
	}
	policy, err := writer.ParseHLLPolicy(c.String("hyperloglog"))
	if err != nil {
		return o, exitcode.Usagef("--hyperloglog: %w", err)
	}
	o.HyperLogLogs = policy == writer.AsString
	return o, nil
}

func lsCommand() *cli.Command {
	env := command.Env("KVLOAD")
	return &cli.Command{
		Name: "ls", Usage: "list the chunks of a dump", UsageText: "kvload ls [options] DIR", ArgsUsage: "DIR", Description: lsDescription,
		Flags: append(filter.Flags(env),
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: string(export.Table), Usage: "`table|json` for people, or a line of JSON for each chunk, as the manifest has it", EnvVars: env("format"), Category: categoryOutput},
			encryption.IdentityFlag(env)),
		Action: func(c *cli.Context) error {
			location, keys, err := argument(c)
			if err != nil {
				return err
			}
			f, err := filter.FromFlags(c)
			if err != nil {
				return err
			}
			list := export.ListTable
			switch c.String("format") {
			case "table":
			case "json":
				list = export.ListJSON
			default:
				return exitcode.Usagef("--format %q: it is table or json", c.String("format"))
			}
			s := command.Summarize(c, nil)
			s.Own, s.Dump.Place = true, summary.Place(location)
			a, err := archive.Open(c.Context, location, 0, keys.Identities...)
			if err != nil {
				return err
			}
			defer a.Close()
			s.Of(a.Manifest, a.Path())
			return list(pack.InterruptibleWriter(c.Context, c.App.Writer), slices.DeleteFunc(slices.Clone(a.Manifest.Chunks), func(ci format.ChunkInfo) bool { return !export.MayHold(&f)(ci) }))
		},
	}
}
