package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
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
		in: c.String("in"), server: server, threads: c.Int("threads"), quiet: c.Bool("quiet"), state: c.String("state"),
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
	o.writer = writer.Options{
		Addr: server.Addr, Username: server.Username, Password: server.Password, TLS: server.TLS, ReadTimeout: c.Duration("timeout"),
	}
	var err error
	if o.filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if o.mapDB, err = load.ParseKeyspaces(c.String("map-db"), o.own(), os.Getenv); err != nil {
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
	return o, nil
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

// presence looks whether what a journal has loaded is on the target.
func (o *commonOptions) presence(l *writer.Loader, j *journal.Journal, rules *rewrite.Rules, log io.Writer) *load.Presence {
	return &load.Presence{
		Target: l, Journal: j, DBs: slices.Sorted(maps.Keys(o.writer.Keyspaces)), Keep: o.filter.Key(), Rename: rules.Rename, Expire: rules.ExpireFunc(), Retry: o.retry(log),
	}
}

// units returns the parts of the dump that are to be loaded.
func (o *commonOptions) units(a *archive.Archive) []archive.Unit { return a.Units(o.wants) }

// wants reports whether a chunk is loaded.
func (o *commonOptions) wants(c format.ChunkInfo) bool {
	return o.filter.DB(c.DB) && o.filter.Type(c.Type) && c.Records > 0
}

// unsure is how a run ends that does not know whether the target holds what it should; nil if why is empty.
func (o *commonOptions) unsure(why string) error {
	if why == "" {
		return nil
	}
	return &command.Different{Text: fmt.Sprintf("%s; compare, with the flags of the load: kvload verify --uri redis://%s --in %s", why, o.server.Addr, o.in)}
}

// openDump opens a finished dump that was loaded, and finds out where its databases went and under which names.
func (o *commonOptions) openDump(ctx context.Context) (a *archive.Archive, rules *rewrite.Rules, err error) {
	if a, err = archive.Open(ctx, o.in, o.threads, o.keys.Identities...); err != nil {
		return nil, nil, err
	}
	o.dump = a.Manifest.Dump
	if o.writer.Keyspaces, err = load.Keyspaces(o.mapDB, o.own(), o.units(a)); err == nil {
		rules, err = o.rewrite.Rules(a, &o.filter)
	}
	if err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, rules, nil
}

// openTarget connects to the target and shows what it is.
func openTarget(ctx context.Context, o writer.Options, log io.Writer) (*writer.Loader, error) {
	l, err := writer.Open(ctx, o)
	if err != nil {
		return nil, load.MayWantTLS(err)
	}
	fmt.Fprintf(log, "target: %s\n", l.Target())
	return l, nil
}
