package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

const dumpDescription = `Reads every key of a Pika 2.x to 4.0.x with its value and expiry, and writes
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
		UsageText: "pikadump dump --uri redis://HOST:9221 --out DIR [options]", Description: dumpDescription,
		Flags: dumpFlags(),
		Action: func(c *cli.Context) error {
			o, err := parseDump(c)
			if err != nil {
				return err
			}
			if o.Stream != nil && progress.IsTerminal(o.Stream) {
				return exitcode.Usagef("--out - writes the dump to standard output, which is a terminal: send it through a pipe or to a file")
			}
			if o.Stream != nil && c.Bool("json") {
				return exitcode.Usagef("--json writes to standard output, which --out - has for the dump: leave it out, and ask kvload unpack or load at the other end")
			}
			if o.Resume {
				if err := recall(c, &o); err != nil {
					return err
				}
			}
			o.Summary = command.Summarize(c, afterDump(c))
			return dump.Run(c.Context, o)
		},
	}
}

func dumpFlags() []cli.Flag {
	return slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the dump to `DIR`, a directory or the URL of a prefix in a bucket, which must be empty or not there; - writes it as one stream to standard output", Category: "Dump"},
			&cli.BoolFlag{Name: "resume", Usage: "resume the unfinished dump in --out; source and choice of keys are those of the dump if they are not given", Category: "Resume and retry"},
			&cli.StringFlag{Name: "base", Usage: "write a delta: only what has changed since the full dump in `DIR`, and since the deltas before --out where that is the next of a chain, such as chain/000002", Category: "Delta"},
			&cli.BoolFlag{Name: "other-source", Usage: "the source may be another one than that of --base, after a failover or a restore: the delta makes a target equal to it", Category: "Delta"},
			&cli.StringFlag{Name: "chunk-size", Value: "64MiB", Usage: "`SIZE` of a chunk file", Category: "Dump"},
			&cli.BoolFlag{Name: "require-consistent", Usage: "end with exit code 3 unless no write happened at the source during the dump; the dump is finished all the same", Category: "Dump"},
			&cli.Int64Flag{Name: "split-keys", Value: dump.SplitKeys, Hidden: true, Usage: "keys that a pass must have listed to be split"},
		},
		storeFlags(),
		command.OutputFlags(),
		sourceFlags(),
		trialFlags(),
		paceFlags(),
		[]cli.Flag{
			&cli.BoolFlag{Name: "no-source-count", Usage: "do not compare the dump with the source's own count (INFO keyspace 1), for which it walks over all keys in the background", Category: speed},
			cacheFlag("--resume"),
		},
		shardFlags(),
	)
}

// bucket is the category of flags that are for a dump in a bucket only.
const bucket = "Bucket or stream"

func trialFlags() []cli.Flag {
	const category = "Which keys"
	return []cli.Flag{
		&cli.StringFlag{Name: "sample", Usage: "only a sample of the keys, such as `1%`, for a trial: the same ones in every run", Category: category},
		&cli.Int64Flag{Name: "limit-keys", DefaultText: "no limit", Usage: "only the first `N` keys of each database and type, for a trial", Category: category},
	}
}

// storeFlags say how files are written.
func storeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "uploads", Value: 4, Usage: "chunks that are sent to a bucket at once", Category: bucket},
		&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "keep chunks in `DIR` until they are sent: one chunk per thread and upload; with --out - from a Pika before 4.0 the whole dump", Category: bucket},
		&cli.BoolFlag{Name: "break-lock", Usage: "take over the lock of a run in a bucket; only if you know that the run is gone", Category: bucket},
		encryption.RecipientFlag(), encryption.IdentityFlag(),
	}
}

// paceFlags say how the source is spared.
func paceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "reply-time", DefaultText: "500ms", Usage: "target time of one reply, at most a third of the server's timeout", Category: speed},
		&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Usage: "read at most `N` keys a second, such as 20k, over all threads", Category: speed},
		&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Usage: "read at most `SIZE` a second, over all threads", Category: speed},
		&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Usage: "pause while PING latency exceeds `F` times its initial value", Category: speed},
		&cli.StringSliceFlag{Name: "window", Usage: "read only at these times of the day, such as `23:00-06:00`, and pause outside; more than one with commas", Category: speed},
	}
}

// shardFlags choose a shard.
func shardFlags() []cli.Flag {
	const many = "Shards"
	return []cli.Flag{
		&cli.StringFlag{Name: "plan", Usage: "`FILE` that pikadump plan --json --shards N wrote: dump one of its shards; give all shards the same FILE", Category: many},
		&cli.StringFlag{Name: "shard", Usage: "dump shard `I/N`, I from 0 to N-1 (default: the index that the scheduler names: " + shard.KubernetesIndex + " or " + shard.SlurmIndex + ")", Category: many},
	}
}

// stdout is the --out that writes a stream.
const stdout = "-"

func parseDump(c *cli.Context) (o dump.Options, err error) {
	if err := command.NoArguments(c, "the directory is given with --out"); err != nil {
		return o, err
	}
	if c.String("out") == "" {
		return o, exitcode.Usagef("--out is missing: it names the directory to write to")
	}
	src, err := parseSource(c)
	if err != nil {
		return o, err
	}
	o = dump.Options{
		Reader: src.reader, Selection: src.selection, Location: c.String("out"), Resume: c.Bool("resume"), Threads: src.threads,
		SplitKeys: c.Int64("split-keys"), CacheOff: c.Bool("source-cache-off"), Consistent: c.Bool("require-consistent"),
		Archive: archive.Options{
			Level:   src.level,
			Storage: storage.Options{Spool: c.String("spool"), BreakLock: c.Bool("break-lock")},
		},
		Base: c.String("base"), OtherSource: c.Bool("other-source"),
		Tool: "pikadump " + command.Version, Log: c.App.ErrWriter,
	}
	o.Reader.NoCount = c.Bool("no-source-count")
	if o.Archive.Uploads, err = parseUploads(c); err != nil {
		return o, err
	}
	if err := storage.Check(o.Location); err != nil {
		return o, exitcode.Usagef("--out: %w", err)
	}
	if err := checkBase(c); err != nil {
		return o, err
	}
	if o.Location == stdout {
		o.Stream = c.App.Writer
		switch {
		case o.Resume:
			return o, exitcode.Usagef("--out - cannot be resumed: what was sent is not here; dump to a directory, and send that with kvload pack")
		case o.CacheOff:
			return o, exitcode.Usagef("--out - leaves nothing behind by which --source-cache-off could be set back after a crash: dump to a directory, and send that with kvload pack")
		}
	}
	if err := parseTrial(c, &o.Selection); err != nil {
		return o, err
	}
	if o.Archive.Keys, err = encryption.FromFlags(c); err != nil {
		return o, &exitcode.UsageError{Err: err}
	}
	if o.Archive.Keys.Identities != nil && o.Archive.Keys.Recipients == nil && o.Base == "" { // whoever gives one expects an encrypted dump
		return o, exitcode.Usagef("--identity without --encrypt-to encrypts nothing: give --encrypt-to RECIPIENT (age-keygen -y FILE shows it) as well, or leave out --identity")
	}
	if o.Reader.Latency, o.Limits, o.Windows, err = parsePace(c); err != nil {
		return o, err
	}
	if o.Shard, err = parseShard(c, os.Getenv); err != nil {
		return o, err
	}
	if o.Meter, err = command.Meter(c); err != nil {
		return o, err
	}
	o.Archive.ChunkBytes, err = parseSize(c, "chunk-size", 64<<10, 1<<40)
	return o, err
}

// recall has a dump that is resumed take what is not given from where it was begun. A password goes
// only where it is told to go: dump.json does not say whether the source is reached by TLS.
func recall(c *cli.Context, o *dump.Options) error {
	named := c.IsSet("uri") || c.IsSet("host") || c.IsSet("port")
	if !named && o.Reader.Password != "" && o.Reader.TLS == nil {
		return exitcode.Usagef("--resume with a password needs --uri as well, or --tls: %s does not say whether the source is reached by TLS", format.InfoName)
	}
	return o.Recall(c.Context, !named)
}

// checkBase refuses what does not go with a delta.
func checkBase(c *cli.Context) error {
	base := c.String("base")
	if base == "" {
		if c.Bool("other-source") {
			return exitcode.Usagef("--other-source without --base: a full dump is of the source that --uri names")
		}
		return nil
	}
	if err := storage.Check(base); err != nil {
		return exitcode.Usagef("--base: %w", err)
	}
	if c.String("out") == stdout {
		return exitcode.Usagef("--out - does not go with --base: what was compared is kept beside the delta until it is finished; write it to a directory, and send that with kvload pack")
	}
	for _, not := range []string{"plan", "shard"} {
		if c.IsSet(not) {
			return exitcode.Usagef("--%s does not go with --base: a delta is made by one pikadump", not)
		}
	}
	for _, not := range []string{"sample", "limit-keys"} {
		if c.IsSet(not) {
			return exitcode.Usagef("--%s does not go with --base: what is not looked at cannot be compared", not)
		}
	}
	return nil
}

func parseTrial(c *cli.Context, s *dump.Selection) (err error) {
	if text := c.String("sample"); text != "" {
		if s.Sample, err = sample.Parse(text); err != nil {
			return exitcode.Usagef("--sample %w", err)
		}
	}
	if s.LimitKeys = c.Int64("limit-keys"); s.LimitKeys < 0 {
		return exitcode.Usagef("--limit-keys %d is negative", s.LimitKeys)
	}
	return nil
}

func parseUploads(c *cli.Context) (int, error) {
	n := c.Int("uploads")
	if n < 1 || n > 64 {
		return n, exitcode.Usagef("--uploads %d: it is between 1 and 64", n)
	}
	return n, nil
}

// parsePace reads the flags of paceFlags.
func parsePace(c *cli.Context) (reply time.Duration, limits pace.Limits, windows []pace.Window, err error) {
	if reply = c.Duration("reply-time"); reply < 0 {
		return reply, limits, nil, exitcode.Usagef("--reply-time %v is negative", reply)
	}
	if limits, err = pace.LimitsFromFlags(c); err != nil {
		return reply, limits, nil, err
	}
	for _, s := range c.StringSlice("window") {
		for one := range strings.SplitSeq(s, ",") {
			w, err := pace.ParseWindow(one)
			if err != nil {
				return reply, limits, nil, exitcode.Usagef("--window: %w", err)
			}
			windows = append(windows, w)
		}
	}
	return reply, limits, windows, nil
}

// parseShard reads --plan and --shard, and what schedulers say in the environment.
func parseShard(c *cli.Context, getenv func(string) string) (*dump.Shard, error) {
	path, text := c.String("plan"), c.String("shard")
	if path == "" {
		if text != "" {
			return nil, exitcode.Usagef("--shard %s without --plan: the shards are what pikadump plan --json --shards N says: keep it in a file, and give the file to each shard", text)
		}
		return nil, nil
	}
	if c.String("out") == stdout {
		return nil, exitcode.Usagef("--out - does not go with --shard: the shards write into one directory or bucket")
	}
	for _, not := range []struct{ flag, why string }{
		{"limit-keys", "which keys are the first is known only for all of them together"},
		{"encrypt-to", "shards cannot encrypt yet: dump with one pikadump"},
		{"source-cache-off", "another shard may need what this one sets back: set cache-model at the source for the time of all shards"},
		{"require-consistent", "give it to the run that finishes the dump"},
	} {
		if c.IsSet(not.flag) {
			return nil, exitcode.Usagef("--%s does not go with --shard: %s", not.flag, not.why)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, exitcode.Usagef("--plan: %w", err)
	}
	defer f.Close()
	own := &dump.Shard{}
	if own.Division, err = dump.ReadDivision(f); err != nil {
		return nil, fmt.Errorf("--plan %s: %w", path, err)
	}
	own.Shard, err = shard.Parse(text, own.Division.Shards, "the plan", getenv)
	return own, err
}
