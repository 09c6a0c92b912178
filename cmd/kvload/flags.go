package main

import (
	"context"
	"io"
	"os"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// commonOptions is what load, verify, finish and rollback are all told: which dump and which target,
// what of the one goes where on the other, and where the state of the load is.
type commonOptions struct {
	in   string
	keys encryption.Keys
	dump string // id of the dump, once it is open

	server connect.Server
	mapDB  map[int]writer.Keyspace // nil: none given
	writer writer.Options          // its Keyspaces are chosen once the dump is open

	filter  filter.Filter
	rewrite rewrite.Options

	share     share.Share
	state     string // --state; empty: the default
	breakLock bool

	threads  int
	quiet    bool
	retryFor time.Duration
	retries  *progress.Retries
}

// The categories of flags in the help.
const (
	categoryWhat   = "What"
	categorySpeed  = "Speed and size"
	categoryRepeat = "When it fails"
)

// dumpFlags say which dump; in is the help of --in.
func dumpFlags(env func(string) []string, in string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: in, EnvVars: env("in")},
		encryption.IdentityFlag(env),
	}
}

// targetFlags say which target, and where on it the databases go.
func targetFlags(env func(string) []string) []cli.Flag {
	return append(connect.Flags(6666, env),
		&cli.StringFlag{Name: "map-db", Usage: "where each database goes: N=default (the connection's own), N=VAR (the namespace whose token is in the environment variable VAR; N=VAR@NAME also gives its name, for --create-namespaces) or N=db:M (database M of a server that has them), separated by commas", EnvVars: env("map-db"), Category: categoryWhat},
		&cli.DurationFlag{Name: "timeout", DefaultText: "2m", Usage: "longest wait for the replies of a pipeline", EnvVars: env("timeout"), Category: categorySpeed})
}

// rewriteFlags say which keys are loaded, and what becomes of their names and expiries.
func rewriteFlags(env func(string) []string) []cli.Flag {
	return append(filter.Flags(env),
		&cli.StringFlag{Name: "on-conflict", Value: "fail", Usage: "a name that stands in several types: fail, first (only the type that Pika would show) or suffix (the others as NAME:hash and so on)", EnvVars: env("on-conflict"), Category: categoryWhat},
		&cli.StringFlag{Name: "hyperloglog", Value: "leave-out", Usage: "Pika's hyperloglogs, which Kvrocks cannot take as such: leave-out or string (load their bytes)", EnvVars: env("hyperloglog"), Category: categoryWhat},
		&cli.StringFlag{Name: "ttl", Value: "keep", Usage: "expiries: keep (the times in the dump), drop (no key expires) or shift (each later by the time since the dump was begun, for archives)", EnvVars: env("ttl"), Category: categoryWhat},
		&cli.DurationFlag{Name: "ttl-min", Usage: "leave out and count keys that have less than this to live when the load begins; a load that replaces keys deletes them on the target", EnvVars: env("ttl-min"), Category: categoryWhat},
		&cli.StringFlag{Name: "key-prefix-strip", Usage: "take `PREFIX` off every name; keys without it are left out and listed", EnvVars: env("key-prefix-strip"), Category: categoryWhat},
		&cli.StringFlag{Name: "key-prefix-add", Usage: "put `PREFIX` before every name, after --key-prefix-strip", EnvVars: env("key-prefix-add"), Category: categoryWhat},
	)
}

// runFlags say how a run goes; threads and retry are the help of --threads and --retry-for.
func runFlags(env func(string) []string, threads, retry string) []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Value: 8, Usage: threads, EnvVars: env("threads"), Category: categorySpeed},
		&cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Usage: retry, EnvVars: env("retry-for"), Category: categoryRepeat},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress", EnvVars: env("quiet")},
	}
}

func stateFlag(env func(string) []string, usage, category string) cli.Flag {
	return &cli.StringFlag{Name: "state", Usage: usage, EnvVars: env("state"), Category: category}
}

// parseCommon reads the flags that load, verify, finish and rollback have in common. Server is what
// connect has read of them.
func parseCommon(c *cli.Context, server connect.Server) (commonOptions, error) {
	o := commonOptions{
		in: c.String("in"), threads: c.Int("threads"), quiet: c.Bool("quiet"), state: c.String("state"),
		retryFor: c.Duration("retry-for"), retries: progress.NewRetries(),
		rewrite: rewrite.Options{Prefix: rewrite.Prefix{Strip: []byte(c.String("key-prefix-strip")), Add: []byte(c.String("key-prefix-add"))}},
	}
	if c.Args().Present() {
		return o, command.Usage("%q is not a flag: the dump is given with --in", c.Args().First())
	}
	if o.in == "" {
		return o, command.Usage("--in is missing: it names the directory of the dump")
	}
	if err := storage.Check(o.in); err != nil {
		return o, command.Usage("--in: %w", err)
	}
	if err := storage.Check(o.state); err != nil {
		return o, command.Usage("--state: %w", err)
	}
	if o.threads < 1 || o.threads > 1024 {
		return o, command.Usage("--threads %d: it is between 1 and 1024", o.threads)
	}
	for _, name := range []string{"timeout", "retry-for"} {
		if d := c.Duration(name); d < 0 {
			return o, command.Usage("--%s %v is negative", name, d)
		}
	}
	o.writer.ReadTimeout = c.Duration("timeout")
	var err error
	if o.filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if o.rewrite.Conflict, err = rewrite.ParseConflict(c.String("on-conflict")); err != nil {
		return o, err
	}
	if o.rewrite.TTL, err = rewrite.ParseTTL(c.String("ttl"), c.Duration("ttl-min")); err != nil {
		return o, err
	}
	if o.writer.HyperLogLog, err = writer.ParseHLLPolicy(c.String("hyperloglog")); err != nil {
		return o, command.Usage("--hyperloglog: %w", err)
	}
	if o.keys, err = encryption.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	return o.into(c, server)
}

// into returns the options of another target.
func (o commonOptions) into(c *cli.Context, s connect.Server) (commonOptions, error) {
	o.server = s
	o.writer.Addr, o.writer.Username, o.writer.Password, o.writer.TLS = s.Addr, s.Username, s.Password, s.TLS
	var err error
	o.mapDB, err = load.ParseKeyspaces(c.String("map-db"), o.own(), os.Getenv)
	return o, err
}

// parseOne is parseCommon of the commands that read a finished dump and take one target. Shares says
// whether the command has --shard.
func parseOne(c *cli.Context, shares bool) (commonOptions, error) {
	server, err := connect.FromFlags(c)
	if err != nil {
		return commonOptions{}, &command.UsageError{Err: err}
	}
	o, err := parseCommon(c, server)
	if err != nil {
		return o, err
	}
	if o.in == loadstate.Stream {
		return o, command.Usage("--in -: a stream can be read only once: make a dump of it with kvload unpack, and give that")
	}
	if shares {
		o.share, err = shareFromFlags(c, os.Getenv)
	}
	return o, err
}

// own is the place that the connection is in by itself.
func (o *commonOptions) own() writer.Keyspace { return writer.Keyspace{DB: max(0, o.server.DB)} }

// location says which load is meant, and where its state is.
func (o *commonOptions) location() loadstate.Location {
	return loadstate.Location{Dump: o.in, ID: o.dump, Target: o.server.Addr, State: o.state, Shard: o.share, BreakLock: o.breakLock}
}

// retry says which errors of the target are retried.
func (o *commonOptions) retry(log io.Writer) retry.Policy {
	return retry.Policy{For: o.retryFor, Kind: load.ErrorKind, Say: func(err error, wait time.Duration) { o.retries.Say(log, err, wait) }}
}

// again is retry as a Visitor of the target asks it.
func (o *commonOptions) again(log io.Writer) writer.RetryFunc { return o.retry(log).Start().Wait }

// units returns the parts of the dump that are loaded.
func (o *commonOptions) units(a *archive.Archive) []archive.Unit {
	s := o.spec()
	return s.Units(a)
}

// binding says what the journal of the load is of.
func (o *commonOptions) binding(a *archive.Archive, l *writer.Loader) journal.Binding {
	s := o.spec()
	s.ID = a.Manifest.Dump
	return s.Binding(l)
}

// unsure is how a run ends that does not know whether the target holds what it should; nil if why is empty.
func (o *commonOptions) unsure(why string) error {
	s := o.spec()
	return s.Unsure(why)
}

// openDump opens a finished dump that was loaded, and finds out where its databases went and under which names.
func (o *commonOptions) openDump(ctx context.Context) (*archive.Archive, *rewrite.Rules, error) {
	s := o.spec()
	a, rules, err := s.Open(ctx)
	o.dump, o.writer.Keyspaces = s.ID, s.Target.Keyspaces
	return a, rules, err
}

// openTarget connects to the target and shows what it is.
func (o *commonOptions) openTarget(ctx context.Context, log io.Writer) (*writer.Loader, error) {
	s := o.spec()
	return s.OpenTarget(ctx, log)
}

// writeFlags are those of load and rollback, which write to the target; undo is the help of --undo.
func writeFlags(env func(string) []string, undo string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-exists", Value: "fail", Usage: "a target that holds keys: fail (refuse it), skip (leave its keys as they are) or replace (overwrite keys of the dump, and delete those that have expired in it)", EnvVars: env("on-exists"), Category: categoryWhat},
		&cli.IntFlag{Name: "pipeline", Value: 512, Usage: "most commands in one pipeline", EnvVars: env("pipeline"), Category: categorySpeed},
		stateFlag(env, "keep the journal of this load in `DIR`, a directory or the URL of a prefix in a bucket (default: DUMP.load/HOST_PORT, beside the dump; of a dump in a bucket, without --shard, kvload-DUMP.load/HOST_PORT in this directory; none for --shard of a dump that is a whole bucket, or encrypted in one)", categoryRepeat),
		&cli.BoolFlag{Name: "break-lock", Usage: "take the place of a run, with its journal in a bucket, that is known to be gone", EnvVars: env("break-lock"), Category: categoryRepeat},
		&cli.StringFlag{Name: "undo", Usage: undo, EnvVars: env("undo"), Category: categoryRepeat},
		&cli.DurationFlag{Name: "stall-timeout", Value: 5 * time.Minute, Usage: "stop when nothing moves for so long, and say where it stands; 0 never", EnvVars: env("stall-timeout"), Category: categoryRepeat},
		&cli.DurationFlag{Name: "checkpoint", Value: time.Second, Usage: "how often the journal is written", EnvVars: env("checkpoint"), Category: categoryRepeat},
	}
}

// parseWrite reads writeFlags into o, and returns --undo.
func parseWrite(c *cli.Context, o *commonOptions) (undo string, err error) {
	if n := c.Int("pipeline"); n < 1 || n > 1<<20 {
		return "", command.Usage("--pipeline %d: it is between 1 and %d", n, 1<<20)
	}
	o.writer.BatchCommands, o.breakLock = c.Int("pipeline"), c.Bool("break-lock")
	if o.writer.OnExists, err = writer.ParseOnExists(c.String("on-exists")); err != nil {
		return "", command.Usage("--on-exists: %w", err)
	}
	undo = c.String("undo")
	if !utf8.ValidString(undo) { // the journal could not hold it, and a rollback not find it
		return "", command.Usage("--undo %q is no UTF-8: choose another name", undo)
	}
	if undo != "" && !o.share.IsAll() {
		return "", command.Usage("--undo does not go with --shard: another share may have overwritten what this one would save; load with one kvload, or save the target itself before")
	}
	if err := storage.Check(undo); err != nil {
		return "", command.Usage("--undo: %w", err)
	}
	if o.state == "" && !o.share.IsAll() && storage.IsURL(o.in) && !storage.HasPrefix(o.in) {
		return "", command.Usage("--shard keeps its journal beside the dump, but --in is a whole bucket, beside which there may be somebody else's: " +
			"say with --state where the journals of all shares go, such as a prefix in a bucket of your own")
	}
	for _, name := range []string{"stall-timeout", "checkpoint"} {
		if d := c.Duration(name); d < 0 {
			return "", command.Usage("--%s %v is negative", name, d)
		}
	}
	return undo, nil
}

// spec says which keys of which dump go where on which target.
func (o *commonOptions) spec() load.Spec {
	return load.Spec{
		Dump: o.in, Keys: o.keys, ID: o.dump, Filter: o.filter,
		Rewrite: o.rewrite,
		Target:  o.writer, Own: o.own(), MapDB: o.mapDB, State: o.state, Shard: o.share, BreakLock: o.breakLock,
		Workers: o.threads, RetryFor: o.retryFor, Quiet: o.quiet,
	}
}
