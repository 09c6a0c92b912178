package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// loadOptions is what kvload load is told to do.
type loadOptions struct {
	commonOptions
	servers []connect.Server // of every --uri
	stdin   io.Reader        // of --in -
	follow  bool
	spool   string // directory of what --in - has sent and is not loaded yet
	limits  pace.Limits
	report  string // file for what was left out; empty: the default name
	verify  bool   // compare when the load is done

	progress func(func() progress.Snapshot) (stop func()) // shows it; nil: progress.Start

	dryRun           bool           // only look whether the target can be loaded
	accept           []string       // checks of the pre-flight that may fail
	tune             bool           // change settings of the target for the load
	createNamespaces bool           // that the places name
	namespaces       map[int]string // names of those that --create-namespaces makes, by database; not named: dbN

	resume       bool
	undo         string // directory of the dump of what is overwritten; empty: none is made
	maxErrors    int    // negative: no limit
	stallTimeout time.Duration
	checkpoint   time.Duration
}

const loadDescription = `Writes every record of a finished dump to a Kvrocks (or Redis), and reads every reply. Keys that
have expired since the dump are left out and counted, but for those that --ttl drop or shift lets live.

First everything that can stop the load is looked at: the target (what it is, what it knows and
allows, clocks, room, connections, namespaces, keys), the journal, --report and --undo. --dry-run
does only that: it shows every check, writes nothing, and ends as the load would.

A target that holds keys is not touched unless --on-exists says how. A dump of several databases needs
--map-db: Kvrocks has namespaces instead of databases, each chosen by its token, which is read from an
environment variable.

A cluster is found by itself, from the address of any of its nodes; slots that move during the load are
followed. It has one keyspace, so a dump of several databases needs --db.

Several --uri load the dump into several targets at once, each at its own pace: while they are in step it is read and
decompressed once. What fails at one is said, and the others go on to their end. Threads and rates are of each target; --state and
--undo name a directory in which each has its own. The exit code is the first that occurred of 130, 143, 1, 13, 12, 5, 10,
11, 4, 75, 3; with --resume all go on, and one that is finished is left as it is.

How far the load is stands in a journal, in a directory of its own for each dump and target. A load that
was stopped or killed goes on with --resume; what is then sent twice changes nothing. What may pass by itself (a lost
connection, a server that starts, a cluster that moves slots) is tried again, with growing waits. What the
target refuses of one key is listed, and the rest goes on.

EXAMPLES:
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika --dry-run
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika
   NS1=token1 kvload load --uri redis://10.0.0.9:6666 -a secret --in dump --map-db 0=default,1=NS1
   kvload load --uri redis://10.0.0.9:6666 --in dump --on-exists replace --on-conflict suffix
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika --verify
   kvload load --uri redis://10.0.0.9:6666 --uri redis://:secret@10.1.0.9:6666 --in /backup/pika
   kvload load --uri redis://10.0.0.9:6666 --in /archive/2024 --ttl shift --key-prefix-add 2024:
   kvload load --uri redis://10.0.0.9:6666 --in dump --match 'app:*' --key-prefix-strip app: --ttl-min 1m
   kvload load --uri redis://10.0.0.9:6666 --in dump --on-exists skip --rate-bytes 20MiB --max-latency-factor 4
   kvload load --uri redis://any.node.of.cluster:6666 --in /backup/pika
   ssh source pikadump dump --uri redis://127.0.0.1:9221 --out - | kvload load --uri redis://10.0.0.9:6666 --in -
   kvload load --uri redis://10.0.0.9:6666 --in /shared/pika --follow
   kvload load --uri redis://10.0.0.9:6666 --in /mnt/readonly/dump --state /var/lib/kvload --resume
   kvload load --uri redis://10.0.0.9:6666 --in 's3://backups/pika?region=eu-west-1' --state /var/lib/kvload
   kvload load --uri redis://10.0.0.9:6666 --in /nfs/pika --shard 3/8     # on each of 8 machines another, then kvload finish

MANY MACHINES:
   With --shard I/N, or --shards N in an Indexed Job of Kubernetes or an array job of Slurm, a run loads a fixed share of the
   chunks, the same each time. Each has a journal and a list of what was left out of its own below --state, a
   directory or a prefix in a bucket that all of them see. kvload finish then makes sure that no share is missing, and compares.

` + command.Buckets

func loadCommand() *cli.Command {
	return &cli.Command{
		Name: "load", Usage: "load a dump into a Kvrocks",
		UsageText: "kvload load --uri redis://HOST:6666 --in DIR [options]", Description: loadDescription,
		Flags: loadFlags(),
		Action: func(c *cli.Context) error {
			targets, err := parseTargets(c)
			if err != nil {
				return err
			}
			return loadTargets(c.Context, targets, c.App.Writer, c.App.ErrWriter)
		},
	}
}

// loadFlags are the flags of load.
func loadFlags() []cli.Flag {
	env := command.Env("KVLOAD")
	return slices.Concat(
		dumpFlags(env, "load the dump in `DIR`, a directory or the URL of a prefix in a bucket; - loads a stream from standard input"),
		[]cli.Flag{
			&cli.BoolFlag{Name: "follow", Usage: "load a dump while pikadump is still at it, and end when it is finished", EnvVars: env("follow")},
			&cli.BoolFlag{Name: "dry-run", Usage: "make the checks of this load, show all of them, and write nothing; exit code 0, or that of the load: 5, 11, 12", EnvVars: env("dry-run")},
			&cli.BoolFlag{Name: "verify", Usage: "when the load is done, compare the target with the dump, as kvload verify does", EnvVars: env("verify")},
			&cli.StringFlag{Name: "report", Usage: "list what was left out in `FILE` (default: left-out-TIME.jsonl beside the journal, if there is anything)", EnvVars: env("report")},
		},
		targetFlags(env),
		[]cli.Flag{
			&cli.StringFlag{Name: "accept", Usage: "checks before the load that only warn where they would refuse: " + strings.Join(writer.Acceptable, ", ") + "; separated by commas", EnvVars: env("accept"), Category: categoryWhat},
			&cli.BoolFlag{Name: "create-namespaces", Usage: "make the namespaces of --map-db whose tokens the target does not know (as NAME of N=VAR@NAME, or dbN); the password must be its requirepass", EnvVars: env("create-namespaces"), Category: categoryWhat},
		},
		rewriteFlags(env),
		shareFlags(env),
		runFlags(env, "connections that load at once, in a cluster to each node", "try again what may pass by itself, until so long nothing was loaded; 0 not at all"),
		writeFlags(env, "with --on-exists replace: first save the keys that will be overwritten, as a dump in `DIR`, a directory or the URL of a prefix in a bucket"),
		[]cli.Flag{
			&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "with --in -, keep chunks in `DIR` until they are loaded: one more than --threads, and those of a key that goes over several; of a Pika before 4.0 the whole dump", EnvVars: env("spool"), Category: categorySpeed},
			&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Usage: "write at most `N` keys a second, such as 20k, over all connections", EnvVars: env("rate-keys"), Category: categorySpeed},
			&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Usage: "write at most `SIZE` a second, over all connections", EnvVars: env("rate-bytes"), Category: categorySpeed},
			&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Usage: "halve the speed when replies take more than `F` times as long as at the start, and raise it again slowly", EnvVars: env("max-latency-factor"), Category: categorySpeed},
			&cli.BoolFlag{Name: "tune", Usage: "for the load, set log-level and rocksdb.max_background_jobs of a Kvrocks, and set them back; COMPACT when it is done; the password must be its requirepass", EnvVars: env("tune"), Category: categorySpeed},
			&cli.BoolFlag{Name: "resume", Usage: "go on with a load that was stopped; begin it if there is none", EnvVars: env("resume"), Category: categoryRepeat},
			&cli.IntFlag{Name: "max-errors", Value: 1000, Usage: "stop when the target has refused more keys and members than this; -1 never", EnvVars: env("max-errors"), Category: categoryRepeat},
			encryption.RecipientFlag(env),
		},
	)
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

func parseLoad(c *cli.Context) (loadOptions, error) {
	o := loadOptions{
		stdin: c.App.Reader, follow: c.Bool("follow"), spool: c.String("spool"), report: c.String("report"), verify: c.Bool("verify"),
		dryRun: c.Bool("dry-run"), tune: c.Bool("tune"), createNamespaces: c.Bool("create-namespaces"), namespaces: load.NamespaceNames(c.String("map-db")),
		resume: c.Bool("resume"), maxErrors: c.Int("max-errors"), stallTimeout: c.Duration("stall-timeout"), checkpoint: c.Duration("checkpoint"),
	}
	var err error
	if o.servers, err = connect.AllFromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if o.commonOptions, err = parseCommon(c, o.servers[0]); err != nil {
		return o, err
	}
	if o.share, err = shareFromFlags(c, os.Getenv); err != nil {
		return o, err
	}
	if o.accept, err = parseAccept(c.String("accept")); err != nil {
		return o, err
	}
	if o.createNamespaces && (o.mapDB == nil || o.server.Password == "") {
		return o, command.Usage("--create-namespaces makes the namespaces that --map-db names, and needs the password of the server (its requirepass)")
	}
	if o.undo, err = parseWrite(c, &o.commonOptions); err != nil {
		return o, err
	}
	if o.undo != "" && o.writer.OnExists != writer.Replace {
		return o, command.Usage("--undo saves what is overwritten, and without --on-exists replace nothing is")
	}
	if err := o.checkStream(); err != nil {
		return o, err
	}
	if o.keys.Recipients != nil && o.undo == "" {
		return o, command.Usage("--encrypt-to is for the dump that --undo makes; the dump that is loaded needs --identity if it is encrypted")
	}
	if o.report != "" && !o.share.IsAll() {
		return o, command.Usage("--report does not go with --shard: what was left out is listed beside the journal, and kvload finish puts the lists together")
	}
	if o.tune && (!o.share.IsAll() || storage.IsURL(o.state)) {
		return o, command.Usage("--tune keeps the settings that it changes in a local directory, and does not go with --shard, nor with --state in a bucket")
	}
	o.limits, err = pace.LimitsFromFlags(c)
	return o, err
}

// checkStream refuses what a dump that is not finished does not go with.
func (o *loadOptions) checkStream() error {
	switch {
	case o.in != loadstate.Stream && !o.follow:
		return nil
	case o.in == loadstate.Stream && o.follow:
		return command.Usage("--follow is for a dump in a directory or a bucket: --in - is loaded as it comes anyway")
	case len(o.servers) > 1:
		return command.Usage("several targets need a finished dump: each loads it at its own pace")
	case o.share.Of > 1:
		return command.Usage("shares can be taken of a finished dump only: leave out --shard, or wait for it (--shard 0/1 where a scheduler has set its variables)")
	case o.undo != "":
		return command.Usage("--undo must know all names before the load begins: it needs a finished dump")
	case o.in == loadstate.Stream && (o.verify || o.dryRun):
		return command.Usage("--in - can be read only once: make a dump of it with kvload unpack for --verify or --dry-run")
	}
	return nil
}

// parseAccept reads the checks of --accept.
func parseAccept(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	names := strings.Split(s, ",")
	for _, name := range names {
		if !slices.Contains(writer.Acceptable, name) {
			return nil, command.Usage("--accept %q: it takes %s", name, strings.Join(writer.Acceptable, ", "))
		}
	}
	return names, nil
}

// parseTargets returns the options of the load into each target.
func parseTargets(c *cli.Context) ([]loadOptions, error) {
	first, err := parseLoad(c)
	if err != nil || len(first.servers) == 1 {
		return []loadOptions{first}, err
	}
	if first.report != "" {
		return nil, command.Usage("--report names one file, and there are %d targets: leave it out, each has its own beside its journal", len(first.servers))
	}
	var targets []loadOptions
	for _, s := range first.servers {
		o := first
		o.server, o.retries = s, progress.NewRetries()
		o.writer.Addr, o.writer.Username, o.writer.Password, o.writer.TLS = s.Addr, s.Username, s.Password, s.TLS
		if o.createNamespaces && s.Password == "" {
			return nil, command.Usage("--create-namespaces needs the password of %s", s.Addr)
		}
		if o.mapDB, err = load.ParseKeyspaces(c.String("map-db"), o.own(), os.Getenv); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(targets, func(t loadOptions) bool { return t.server.Addr == s.Addr }) {
			return nil, command.Usage("--uri names %s twice: each target is loaded once", s.Addr)
		}
		for _, dir := range []*string{&o.state, &o.undo} {
			if *dir != "" {
				*dir = storage.Join(*dir, loadstate.TargetName(s.Addr))
			}
		}
		targets = append(targets, o)
	}
	return targets, nil
}
