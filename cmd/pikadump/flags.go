package main

import (
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// dumpOptions is what pikadump dump is told to do.
type dumpOptions struct {
	server     connect.Server
	filter     filter.Filter
	out        string
	stream     *pack.Output // where --out - goes; nil: a dump is written to out
	resume     bool
	share      *ownShare // nil: all of the dump
	threads    int       // 0: by the server's thread pool
	splitKeys  int64
	chunkBytes int64
	level      format.Level
	reader     reader.Options
	quiet      bool
	trial      trial
	kindness   kindness
	uploads    int
	storage    storage.Options
	cacheOff   bool // --source-cache-off
	consistent bool // --require-consistent
	keys       encryption.Keys
}

const dumpDescription = `Reads every key of a Pika 2.x to 4.0.x with its value and expiry, and writes it to
a directory or a bucket that kvload reads. The source is only read, never written; --source-cache-off
changes one setting of it for the run.

A run that was stopped, in whatever way, is gone on with by --resume and ends in the same dump.
The dump is finished when manifest.json is there. Keys that were listed but could not be
read, and keys whose expiry cannot be told, are in skipped.jsonl, names that stand in several
types in conflicts.jsonl.

EXAMPLES:
   pikadump dump --uri redis://10.0.0.5:9221 --out /backup/pika
   REDISCLI_AUTH=secret pikadump dump -h 10.0.0.5 --out dump --threads 2
   pikadump dump --uri redis://10.0.0.5:9221 --out /backup/pika --resume
   pikadump dump --uri redis://10.0.0.5:9221 --out trial --sample 1%
   pikadump dump --uri redis://10.0.0.5:9221 --out dump --rate-keys 20k --window 23:00-06:00
   pikadump dump --uri redis://10.0.0.5:9221 --out users --match 'user:*' --type hash
   pikadump dump --uri redis://10.0.0.5:9221 --out - | ssh target kvload load --uri redis://127.0.0.1:6666 --in -
   pikadump dump --uri redis://10.0.0.5:9221 --out /backup/pika --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
   pikadump dump --uri redis://10.0.0.5:9221 --out 's3://backups/pika?region=eu-west-1'

MANY MACHINES:
   pikadump plan --uri redis://10.0.0.5:9221 --json --shards 8 > plan.json           # once
   pikadump dump --uri redis://10.0.0.5:9221 --out /nfs/pika --plan plan.json --shard 3/8   # 0/8 to 7/8, at once
   pikadump dump --uri redis://10.0.0.5:9221 --out /nfs/pika --resume                # when they are done

A share reads the keys of its range and writes its chunks into the one dump at --out. One that was stopped, in whatever way,
is gone on with by the same command. The last run finishes the dump: what a share did not do, it does itself. While a share is
at work it is refused (11), and a share ends with 0 also if it skipped keys: the last run tells (3).

` + command.Buckets

func dumpCommand() *cli.Command {
	env := command.Env("PIKADUMP")
	flags := slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "write the dump to `DIR`, a directory or the URL of a prefix in a bucket, which must be empty or not there; - writes it as one stream to standard output", EnvVars: env("out")},
			&cli.BoolFlag{Name: "resume", Usage: "go on with the unfinished dump in --out", EnvVars: env("resume")},
			&cli.StringFlag{Name: "chunk-size", Value: "64MiB", Usage: "size of a chunk file", EnvVars: env("chunk-size"), Category: speed},
			&cli.BoolFlag{Name: "require-consistent", Usage: "end with exit code 3 unless no write happened at the source during the dump, which is finished all the same", EnvVars: env("require-consistent")},
			&cli.Int64Flag{Name: "split-keys", Value: splitKeys, Hidden: true, Usage: "keys that a pass must have listed to be split", EnvVars: env("split-keys")},
			&cli.IntFlag{Name: "uploads", Value: 4, Usage: "chunks that are sent to a bucket at once, while more are read", EnvVars: env("uploads"), Category: bucket},
			&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "keep chunks in `DIR` until they are sent: up to a chunk for each thread and upload; with --out - from a Pika before 4.0 the whole dump", EnvVars: env("spool"), Category: bucket},
			&cli.BoolFlag{Name: "break-lock", Usage: "take the place of a run in a bucket that is known to be gone", EnvVars: env("break-lock"), Category: bucket},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress", EnvVars: env("quiet")},
			encryption.RecipientFlag(env), encryption.IdentityFlag(env),
		},
		sourceFlags(env),
		trialFlags(env),
		kindnessFlags(env),
		shareFlags(env),
	)
	return &cli.Command{
		Name: "dump", Usage: "write the data of a Pika to a directory or a bucket",
		UsageText: "pikadump dump --uri redis://HOST:9221 --out DIR [options]", Description: dumpDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseDump(c)
			if err != nil {
				return err
			}
			if o.out == stdout {
				return dumpStream(c.Context, o, c.App.Writer, c.App.ErrWriter)
			}
			return dump(c.Context, o, c.App.ErrWriter)
		},
	}
}

// bucket is the category of flags that are for a dump in a bucket only.
const bucket = "A dump in a bucket or a stream"

// speed is the category of flags that make no difference to what is dumped.
const speed = "Speed and size"

// sourceFlags returns the flags that dump and plan share.
func sourceFlags(env func(string) []string) []cli.Flag {
	return slices.Concat(connect.Flags(9221, env), filter.Flags(env), listingFlags(env), []cli.Flag{
		&cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Usage: "types read at once, each on a connection of its own (default: up to 6, at most half the server's thread-pool-size)", EnvVars: env("threads"), Category: speed, DefaultText: "auto"},
		&cli.IntFlag{Name: "page-keys", Value: 256, Usage: "most keys in one page", EnvVars: env("page-keys"), Category: speed},
		&cli.StringFlag{Name: "reply-size", Value: "1MiB", Usage: "size that replies are steered to; those of four times that are given up, and less is asked for", EnvVars: env("reply-size"), Category: speed},
		&cli.DurationFlag{Name: "timeout", Value: 0, DefaultText: "90s", Usage: "longest wait for a reply", EnvVars: env("timeout"), Category: speed},
		retryFlag(env),
		&cli.StringFlag{Name: "level", Value: "fastest", Usage: "compression: fastest, default or better", EnvVars: env("level"), Category: speed},
	})
}

// retryFlag is the same for all that reads a source.
func retryFlag(env func(string) []string) cli.Flag {
	return &cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Usage: "try again what may pass by itself, until so long nothing was read; 0 not at all", EnvVars: env("retry-for"), Category: "Trying again"}
}

// parseRetry reads retryFlag. All connections share what is said of it.
func parseRetry(c *cli.Context, o *reader.Options) error {
	if o.RetryFor = c.Duration("retry-for"); o.RetryFor < 0 {
		return command.Usage("--retry-for %v is negative", o.RetryFor)
	}
	log, retries := c.App.ErrWriter, progress.NewRetries()
	o.Retrying = func(err error, wait time.Duration) { retries.Say(log, err, wait) }
	return nil
}

func parseDump(c *cli.Context) (dumpOptions, error) {
	if c.Args().Present() {
		return dumpOptions{}, command.Usage("%q is not a flag: the directory is given with --out", c.Args().First())
	}
	if c.String("out") == "" {
		return dumpOptions{}, command.Usage("--out is missing: it names the directory to write to")
	}
	o, err := parseSource(c)
	if err != nil {
		return o, err
	}
	o.out, o.resume, o.quiet = c.String("out"), c.Bool("resume"), c.Bool("quiet")
	o.splitKeys = c.Int64("split-keys")
	o.uploads, o.storage = c.Int("uploads"), storage.Options{Spool: c.String("spool"), BreakLock: c.Bool("break-lock")}
	if o.uploads < 1 || o.uploads > 64 {
		return o, command.Usage("--uploads %d: it is between 1 and 64", o.uploads)
	}
	if err := storage.Check(o.out); err != nil {
		return o, command.Usage("--out: %w", err)
	}
	o.cacheOff, o.consistent = c.Bool("source-cache-off"), c.Bool("require-consistent")
	switch {
	case o.out == stdout && o.resume:
		return o, command.Usage("--out - cannot be resumed: what was sent is not here; dump to a directory, and send that with kvload pack")
	case o.out == stdout && o.cacheOff:
		return o, command.Usage("--out - leaves nothing behind by which --source-cache-off could be set back after a crash: dump to a directory, and send that with kvload pack")
	}
	if err := o.trial.parse(c); err != nil {
		return o, err
	}
	if o.keys, err = encryption.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if o.keys.Identities != nil && o.keys.Recipients == nil { // whoever gives one expects an encrypted dump
		return o, command.Usage("--identity without --encrypt-to encrypts nothing: give --encrypt-to RECIPIENT (age-keygen -y FILE shows it) as well, or leave out --identity")
	}
	if err := o.kindness.parse(c, &o.reader); err != nil {
		return o, err
	}
	if o.share, err = shareFromFlags(c, os.Getenv); err != nil {
		return o, err
	}
	o.chunkBytes, err = parseSize(c, "chunk-size", 64<<10, 1<<40)
	return o, err
}

// parseSource reads the flags that dump and plan share: the source, what of it, and how fast.
func parseSource(c *cli.Context) (dumpOptions, error) {
	o := dumpOptions{threads: c.Int("threads")}
	if o.threads < 0 {
		return o, command.Usage("--threads is negative")
	}
	var err error
	if o.server, err = connect.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if o.filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if o.server.DB >= 0 && o.filter.DBs == nil {
		o.filter.DBs = []int{o.server.DB}
	}
	if n := c.Int("page-keys"); n < 1 || n > 1<<20 {
		return o, command.Usage("--page-keys %d: it is between 1 and %d", n, 1<<20)
	}
	if d := c.Duration("timeout"); d < 0 {
		return o, command.Usage("--timeout %v is negative", d)
	}
	reply, err := parseSize(c, "reply-size", 4<<10, 256<<20)
	if err != nil {
		return o, err
	}
	switch level := c.String("level"); level {
	case "fastest":
		o.level = format.Fastest
	case "default":
		o.level = format.Default
	case "better":
		o.level = format.Better
	default:
		return o, command.Usage("--level %q: it is fastest, default or better", level)
	}
	o.reader = reader.Options{
		Addr: o.server.Addr, Username: o.server.Username, Password: o.server.Password, TLS: o.server.TLS,
		ReplyTimeout: c.Duration("timeout"), ReplyBytes: int(reply), PageKeys: c.Int("page-keys"),
	}
	if err := parseListing(c, &o.reader); err != nil {
		return o, err
	}
	if err := parseRetry(c, &o.reader); err != nil {
		return o, err
	}
	if err := o.reader.Check(); err != nil {
		return o, &command.UsageError{Err: err}
	}
	return o, nil
}

func parseSize(c *cli.Context, name string, least, most uint64) (int64, error) {
	n, err := humanize.ParseBytes(c.String(name))
	if err != nil || n < least || n > most {
		return 0, command.Usage("--%s %q: it is a size from %s to %s, such as 1MiB", name, c.String(name), humanize.IBytes(least), humanize.IBytes(most))
	}
	return int64(n), nil
}
