package main

import (
	"os"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// The categories of flags in the help.
const (
	categoryDump   = "Dump"
	categoryKeys   = "Which keys"
	categoryWhat   = "What is written"
	categorySpeed  = "Speed and size"
	categoryOutput = "Output"
	categoryRepeat = "Resume and retry"
)

// dumpFlags say which dump; in is the help of --in.
func dumpFlags(in string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: in, Category: categoryDump},
		encryption.IdentityFlag(),
	}
}

// targetFlags say which target, and where on it the databases go.
func targetFlags() []cli.Flag {
	return append(connect.Flags(6666),
		&cli.StringFlag{Name: "map-db", Usage: "`N=TARGET,...` where each database goes: N=default (the connection's own), N=VAR (the namespace whose token is in the environment variable VAR; N=VAR@NAME also gives its name) or N=db:M (database M of a server that has them), separated by commas", Category: categoryWhat},
		&cli.DurationFlag{Name: "timeout", DefaultText: "2m", Usage: "longest wait for the replies of a pipeline", Category: categorySpeed})
}

// rewriteFlags say which keys are loaded, and what becomes of their names and expiries.
func rewriteFlags() []cli.Flag {
	return append(filter.Flags(),
		&cli.StringFlag{Name: "on-conflict", Value: "fail", Usage: "`fail|first|suffix` a name with several types: refuse it, load only the type that Pika would show, or load the others as NAME:hash and so on", Category: categoryWhat},
		&cli.StringFlag{Name: "hyperloglog", Value: "leave-out", Usage: "`leave-out|string` Pika's hyperloglogs, which Kvrocks cannot hold: list them, or load their bytes", Category: categoryWhat},
		&cli.StringFlag{Name: "ttl", Value: "keep", Usage: "`keep|drop|shift` expiries: the times in the dump, none, or each later by the time since the dump began, for archives", Category: categoryWhat},
		&cli.DurationFlag{Name: "ttl-min", Usage: "leave out and count keys that have less than this left when the load begins; where keys are overwritten, they are deleted on the target", Category: categoryWhat},
		&cli.StringFlag{Name: "key-prefix-strip", Usage: "strip `PREFIX` from every name; keys without it are left out and listed", Category: categoryWhat},
		&cli.StringFlag{Name: "key-prefix-add", Usage: "put `PREFIX` before every name, after --key-prefix-strip", Category: categoryWhat},
	)
}

// baseFlag says where the base of a delta lies; what is the end of its help.
func baseFlag(what string) cli.Flag {
	return &cli.StringFlag{Name: "base", Usage: "of a delta or a chain: the base lies in `DIR`, a directory or the URL of a prefix in a bucket; " + what, Category: categoryDump}
}

// baseLoadedFlag lets a delta be loaded though no journal says that its base is.
func baseLoadedFlag() cli.Flag {
	return &cli.BoolFlag{Name: "base-loaded", Usage: "load a delta though no journal says that the target holds what it follows; only if you know that it does", Category: categoryDump}
}

// runFlags say how a run goes; threads and retry are the help of --threads and --retry-for.
func runFlags(threads, retry string) []cli.Flag {
	return append(command.OutputFlags(),
		&cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Value: 8, Usage: threads, Category: categorySpeed},
		&cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Usage: retry, Category: categoryRepeat},
	)
}

// rateFlags are those that pace.LimitsFromFlags reads.
func rateFlags(verb string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Usage: verb + " at most `N` keys a second, such as 20k, over all connections", Category: categorySpeed},
		&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Usage: verb + " at most `SIZE` a second, over all connections", Category: categorySpeed},
		&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Usage: "halve the speed while reply latency exceeds `F` times its initial value, then raise it slowly", Category: categorySpeed},
	}
}

func stateFlag(usage, category string) cli.Flag {
	return &cli.StringFlag{Name: "state", Usage: usage, Category: category}
}

// parseSpec reads the flags that load, verify, finish and rollback have in common. Server is what
// connect has read of them.
func parseSpec(c *cli.Context, server connect.Server) (load.Spec, error) {
	s := load.Spec{
		Dump: c.String("in"), Base: c.String("base"), Workers: c.Int("threads"), State: c.String("state"), RetryFor: c.Duration("retry-for"),
	}
	var err error
	if s.Meter, err = command.Meter(c); err != nil {
		return s, err
	}
	if err := command.NoArguments(c, "the dump is given with --in"); err != nil {
		return s, err
	}
	if s.Dump == "" {
		return s, exitcode.Usagef("--in is missing: it names the directory of the dump")
	}
	if err := storage.Check(s.Dump); err != nil {
		return s, exitcode.Usagef("--in: %w", err)
	}
	if err := storage.Check(s.Base); err != nil {
		return s, exitcode.Usagef("--base: %w", err)
	}
	if err := storage.Check(s.State); err != nil {
		return s, exitcode.Usagef("--state: %w", err)
	}
	if s.Workers < 1 || s.Workers > 1024 {
		return s, exitcode.Usagef("--threads %d: it is between 1 and 1024", s.Workers)
	}
	for _, name := range []string{"timeout", "retry-for"} {
		if d := c.Duration(name); d < 0 {
			return s, exitcode.Usagef("--%s %v is negative", name, d)
		}
	}
	if s.Keys, err = encryption.FromFlags(c); err != nil {
		return s, &exitcode.UsageError{Err: err}
	}
	if err := recall(c, &s, server.Addr); err != nil {
		return s, err
	}
	s.Target.Target.ReadTimeout = c.Duration("timeout")
	if s.Filter, err = filter.FromFlags(c); err != nil {
		return s, err
	}
	if s.Rewrite, s.Target.HyperLogLog, err = parseRewrite(c); err != nil {
		return s, err
	}
	return into(c, s, server)
}

// parseRewrite reads the flags that say what becomes of names, expiries and hyperloglogs.
func parseRewrite(c *cli.Context) (o rewrite.Options, hll writer.HLLPolicy, err error) {
	o.Prefix = rewrite.Prefix{Strip: []byte(c.String("key-prefix-strip")), Add: []byte(c.String("key-prefix-add"))}
	if o.Conflict, err = rewrite.ParseConflict(c.String("on-conflict")); err != nil {
		return o, hll, err
	}
	if o.TTL, err = rewrite.ParseTTL(c.String("ttl"), c.Duration("ttl-min")); err != nil {
		return o, hll, err
	}
	if hll, err = writer.ParseHLLPolicy(c.String("hyperloglog")); err != nil {
		return o, hll, exitcode.Usagef("--hyperloglog: %w", err)
	}
	return o, hll, nil
}

// into returns a spec for another target.
func into(c *cli.Context, s load.Spec, to connect.Server) (load.Spec, error) {
	s.Target.Target.Addr, s.Target.Target.Username, s.Target.Target.Password, s.Target.Target.TLS = to.Addr, to.Username, to.Password, to.TLS
	s.Own = target.Keyspace{DB: max(0, to.DB)}
	var err error
	s.MapDB, err = load.ParseKeyspaces(c.String("map-db"), s.Own, os.Getenv)
	return s, err
}

// parseOne is parseSpec of the commands that read a finished dump and take one target. Shards says
// whether the command has --shard.
func parseOne(c *cli.Context, shards bool) (load.Spec, error) {
	server, err := connect.FromFlags(c)
	if err != nil {
		return load.Spec{}, &exitcode.UsageError{Err: err}
	}
	s, err := parseSpec(c, server)
	if err != nil {
		return s, err
	}
	if s.Dump == loadstate.Stream {
		return s, exitcode.Usagef("--in -: a stream can be read only once: make a dump of it with kvload unpack, and give that")
	}
	if shards {
		s.Shard, err = shardFromFlags(c, os.Getenv)
	}
	return s, err
}

// writeFlags are those of load and rollback, which write to the target; undo is the help of --undo.
func writeFlags(undo string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-exists", Value: "fail", Usage: "`fail|skip|replace` a target that holds keys: refuse it, leave its keys as they are, or overwrite keys of the dump and delete those that have expired in it", Category: categoryWhat},
		&cli.IntFlag{Name: "pipeline", Value: 512, Usage: "maximum number of commands in one pipeline", Category: categorySpeed},
		stateFlag("keep the journal of this load in `DIR`, a directory or the URL of a prefix in a bucket (default: DUMP.load/HOST_PORT, beside the dump; of a dump in a bucket that is not loaded in shards, kvload-DUMP.load/HOST_PORT in this directory; none for a shard of a dump that is a whole bucket, or encrypted in one)", categoryRepeat),
		&cli.BoolFlag{Name: "break-lock", Usage: "take over the lock of a run whose journal is in a bucket; only if you know that the run is gone", Category: categoryRepeat},
		&cli.StringFlag{Name: "undo", Usage: undo, Category: categoryRepeat},
		&cli.DurationFlag{Name: "stall-timeout", Value: 5 * time.Minute, Usage: "stop if nothing moves for this long, and say where each worker is; 0: never", Category: categoryRepeat},
		&cli.DurationFlag{Name: "checkpoint", Value: time.Second, Usage: "shortest time between two checkpoints in the journal", Category: categoryRepeat},
	}
}

// parseWrite reads writeFlags into s, and returns --undo.
func parseWrite(c *cli.Context, s *load.Spec) (undo string, err error) {
	if n := c.Int("pipeline"); n < 1 || n > 1<<20 {
		return "", exitcode.Usagef("--pipeline %d: it is between 1 and %d", n, 1<<20)
	}
	s.Target.BatchCommands, s.BreakLock = c.Int("pipeline"), c.Bool("break-lock")
	if c.Command.Name == "follow" {
		s.Target.OnExists = writer.Replace
	} else if s.Target.OnExists, err = writer.ParseOnExists(c.String("on-exists")); err != nil {
		return "", exitcode.Usagef("--on-exists: %w", err)
	}
	undo = c.String("undo")
	if !utf8.ValidString(undo) { // the journal could not hold it, and a rollback not find it
		return "", exitcode.Usagef("--undo %q is no UTF-8: choose another name", undo)
	}
	if undo != "" && !s.Shard.IsAll() {
		return "", exitcode.Usagef("--undo does not go with --shard: another shard may have overwritten what this one would save; load with one kvload, or save the target itself before")
	}
	if err := storage.Check(undo); err != nil {
		return "", exitcode.Usagef("--undo: %w", err)
	}
	if s.State == "" && !s.Shard.IsAll() && storage.IsURL(s.Dump) && !storage.HasPrefix(s.Dump) {
		return "", exitcode.Usagef("--shard keeps its journal beside the dump, but --in is a whole bucket, beside which there may be somebody else's: " +
			"say with --state where the journals of all shards go, such as a prefix in a bucket of your own")
	}
	for _, name := range []string{"stall-timeout", "checkpoint"} {
		if d := c.Duration(name); d < 0 {
			return "", exitcode.Usagef("--%s %v is negative", name, d)
		}
	}
	return undo, nil
}
