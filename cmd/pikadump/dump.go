package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

const dumpText = `Reads every key of a Pika 2.x to 4.0.x with its value and expiry, and writes
it to a directory or a bucket that kvload reads. The source is only read;
--source-cache-off changes one setting of it for the run.

A run that stopped for any reason can be resumed with --resume, and ends in
the same dump. The dump is finished when manifest.json is there.

   skipped.jsonl    keys that could not be read whole, with the reason
   conflicts.jsonl  names with several types

EXAMPLES:
   pikadump dump --uri redis://10.0.0.5:9221 --out /backup/pika
   pikadump dump --out /backup/pika --resume
   REDISCLI_AUTH=secret pikadump dump -h 10.0.0.5 --out dump --threads 2
   pikadump dump --uri redis://10.0.0.5:9221 --out trial --sample 1%
   pikadump dump --uri redis://10.0.0.5:9221 --out dump --rate-keys 20k
   pikadump dump --uri redis://10.0.0.5:9221 --out users --match 'user:*'
   pikadump dump --uri redis://10.0.0.5:9221 --out dump --encrypt-to keys.txt
   pikadump dump --uri redis://10.0.0.5:9221 --out 's3://backups/pika'
   pikadump dump --uri redis://10.0.0.5:9221 --out - |
      ssh target kvload load --uri redis://127.0.0.1:6666 --in -

WHAT HAS CHANGED SINCE:
   pikadump dump --uri redis://10.0.0.5:9221 --base /backup/pika \
      --out /backup/chain/000001

   Reads every key, compares it with the dump at --base, and writes a delta:
   the keys that differ, and which are gone. That works on every version and
   without the binlog; pikadump follow reads only what was written, and needs
   both. Where --out is the next number of a chain, the deltas before it count
   as part of the base.

MANY MACHINES:
   pikadump plan --uri redis://10.0.0.5:9221 --json --shards 8 > plan.json
   # on each machine another shard, 0/8 to 7/8, at once:
   pikadump dump --uri redis://10.0.0.5:9221 --out /nfs/pika \
      --plan plan.json --shard 3/8
   # when they are done:
   pikadump dump --uri redis://10.0.0.5:9221 --out /nfs/pika --resume

   A shard writes the keys of its range into the one dump at --out. If it
   stopped, the same command resumes it. It ends with 0 even if it skipped
   keys: the last run reports them (3). The last run finishes the dump, and
   dumps what a shard did not. While a shard is active it is refused (11).

` + command.Buckets

func dumpCommand() *cli.Command {
	return &cli.Command{
		Name: "dump", Usage: "write the data of a Pika to a directory or a bucket",
		UsageText:   "pikadump dump --uri redis://HOST:9221 --out DIR [options]",
		Description: dumpText,
		Flags:       dumpFlags(),
		Action: command.Action(parseDump, func(c *cli.Context, o dump.Options) error {
			if o.Resume {
				if err := recall(c, &o); err != nil {
					return err
				}
			}
			o.Summary = command.Summarize(c, "", afterDump)
			return dump.Run(c.Context, o)
		}),
	}
}

func dumpFlags() []cli.Flag {
	const delta = "Delta"
	return slices.Concat(
		storeFlags(), command.OutputFlags(), sourceFlags("--resume"), paceFlags(),
		[]cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Category: command.Dump,
				Usage: "write the dump to " + command.Dir + ", which must be empty or not " +
					"there; - writes it as one stream to standard output"},
			command.Bool("resume", command.Repeat, "resume the unfinished dump in --out; source "+
				"and choice of keys are those of the dump if they are not given"),
			command.Text("base", delta, "write a delta: only what has changed since the full "+
				"dump in `DIR`, and since the deltas before --out where that is the next of a "+
				"chain, such as chain/000002"),
			command.Bool("other-source", delta, "the source may be another one than that of "+
				"--base, after a failover or a restore: the delta makes a target equal to it"),
			&cli.StringFlag{Name: "chunk-size", Value: "64MiB", Category: command.Dump,
				Usage: "`SIZE` of a chunk file"},
			command.Bool("require-consistent", command.Dump, "end with exit code 3 unless no "+
				"write happened at the source during the dump; the dump is finished all the same"),
			&cli.Int64Flag{Name: "split-keys", Value: dump.SplitKeys, Hidden: true,
				Usage: "keys that a pass must have listed to be split"},
			command.Text("sample", command.Keys, "only a sample of the keys, such as `1%`, for "+
				"a trial: the same ones in every run"),
			&cli.Int64Flag{Name: "limit-keys", DefaultText: "no limit", Category: command.Keys,
				Usage: "only the first `N` keys of each database and type, for a trial"},
			command.Bool("no-source-count", command.Speed, "do not compare the dump with the "+
				"source's own count (INFO keyspace 1), for which it walks over all keys in the "+
				"background"),
			command.Text("plan", command.Shards, "`FILE` that pikadump plan --json --shards N "+
				"wrote: dump one of its shards; give all shards the same FILE"),
			command.Text("shard", command.Shards, "dump shard `I/N`, I from 0 to N-1 (default: "+
				"the index that the scheduler names: "+shard.KubernetesIndex+" or "+
				shard.SlurmIndex+")"),
		},
	)
}

// stdout is the --out that writes a stream.
const stdout = "-"

func parseDump(v *command.Values) dump.Options {
	v.NoArguments("the directory is given with --out")
	v.Refuse(v.String("out") == "", "--out is missing: it names the directory to write to")
	src := parseSource(v)
	o := dump.Options{
		Reader: src.reader, Selection: src.selection, Threads: src.threads,
		SplitKeys: v.Int64("split-keys"), Archive: parseStore(v),
		Location: v.Checked("out", storage.Check), Resume: v.Bool("resume"),
		Base: v.Checked("base", storage.Check), OtherSource: v.Bool("other-source"),
		CacheOff: v.Bool("source-cache-off"), Consistent: v.Bool("require-consistent"),
		Tool: "pikadump " + command.Version, Log: v.App.ErrWriter,
	}
	o.Reader.NoCount = v.Bool("no-source-count")
	checkBase(v)
	if o.Location == stdout {
		o.Stream = v.App.Writer
		v.Refuse(o.Resume, "--out - cannot be resumed: what was sent is not here; dump to a "+
			"directory, and send that with kvload pack")
		v.Refuse(o.CacheOff, "--out - leaves nothing behind by which --source-cache-off could be "+
			"set back after a crash:"+
			" dump to a directory, and send that with kvload pack")
	}
	parseTrial(v, &o.Selection)
	keys := o.Archive.Keys // whoever gives an identity expects an encrypted dump
	v.Refuse(keys.Identities != nil && keys.Recipients == nil && o.Base == "",
		"--identity without --encrypt-to encrypts nothing: give --encrypt-to RECIPIENT "+
			"(age-keygen -y FILE shows it) as well, or leave out --identity")
	v.Refuse(keys.Plain && o.Base == "", "--plain is for a delta: only with --base")
	o.Limits, o.Windows = parsePace(v, &o.Reader)
	o.Shard = parseShard(v)
	o.Meter = command.Get(v, command.Meter)
	o.Archive.ChunkBytes = parseSize(v, "chunk-size", 64<<10, 1<<40)
	v.Refuse(o.Stream != nil && progress.IsTerminal(o.Stream), "--out - writes the dump to "+
		"standard output, which is a terminal: send it through a pipe or to a file")
	v.Refuse(o.Stream != nil && v.Bool("json"), "--json writes to standard output, which --out - "+
		"has for the dump: leave it out, and ask kvload unpack or load at the other end")
	return o
}

// recall has a dump that is resumed take what is not given from where it was begun. A password goes
// only where it is told to go: dump.json does not say whether the source is reached by TLS.
func recall(c *cli.Context, o *dump.Options) error {
	named := c.IsSet("uri") || c.IsSet("host") || c.IsSet("port")
	if !named && o.Reader.Password != "" && o.Reader.TLS == nil {
		return exitcode.Usagef("--resume with a password needs --uri as well, or --tls: %s does "+
			"not say whether the source is reached by TLS", format.InfoName)
	}
	return o.Recall(c.Context, !named)
}

// checkBase refuses what does not go with a delta.
func checkBase(v *command.Values) {
	if v.String("base") == "" {
		v.Refuse(v.Bool("other-source"), "--other-source without --base: a full dump is of the "+
			"source that --uri names")
		return
	}
	v.Refuse(v.String("out") == stdout, "--out - does not go with --base: what was compared is "+
		"kept beside the delta until it is finished;"+
		" write it to a directory, and send that with kvload pack")
	v.Apart("base", "a delta is made by one pikadump", "plan", "shard")
	v.Apart("base", "what is not looked at cannot be compared", "sample", "limit-keys")
}

func parseTrial(v *command.Values, s *dump.Selection) {
	if text := v.String("sample"); text != "" {
		var err error
		s.Sample, err = sample.Parse(text)
		v.Refuse(err != nil, "--sample %w", err)
	}
	s.LimitKeys = v.Int64("limit-keys")
	v.Refuse(s.LimitKeys < 0, "--limit-keys %d is negative", s.LimitKeys)
}

// parseShard reads --plan and --shard, and what schedulers say in the environment.
func parseShard(v *command.Values) *dump.Shard {
	path, text := v.String("plan"), v.String("shard")
	if path == "" {
		v.Refuse(text != "", "--shard %s without --plan: the shards are what pikadump plan "+
			"--json --shards N says:"+
			" keep it in a file, and give the file to each shard", text)
		return nil
	}
	v.Refuse(v.String("out") == stdout, "--out - does not go with --shard: the shards write into "+
		"one directory or bucket")
	v.Apart("shard", "which keys are the first is known only for all of them together", "limit-keys")
	v.Apart("shard", "shards cannot encrypt yet: dump with one pikadump", "encrypt-to")
	v.Apart("shard", "another shard may need what this one sets back: set cache-model at the "+
		"source for the time of all shards", "source-cache-off")
	v.Apart("shard", "give it to the run that finishes the dump", "require-consistent")
	own := &dump.Shard{}
	v.Try(func() error {
		f, err := os.Open(path)
		if err != nil {
			return exitcode.Usagef("--plan: %w", err)
		}
		defer f.Close()
		if own.Division, err = dump.ReadDivision(f); err != nil {
			return fmt.Errorf("--plan %s: %w", path, err)
		}
		own.Shard, err = shard.Parse(text, own.Division.Shards, "the plan", os.Getenv)
		return err
	})
	return own
}
