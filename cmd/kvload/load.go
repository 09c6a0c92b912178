package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

const loadDescription = `Writes every record of a finished dump to a Kvrocks (or Redis), and reads
every reply. Keys that have expired since the dump are left out and counted,
unless --ttl drop or shift lets them live.

Preflight checks come first: the target (what it is, what it knows and
allows, clocks, room, connections, namespaces, keys), the journal, --report
and --undo. --dry-run makes only these checks, shows all of them, writes
nothing, and ends as the load would.

A target that holds keys is not touched unless --on-exists says how. A dump
of several databases needs --map-db: Kvrocks has namespaces instead, each
chosen by its token, which is read from an environment variable.

A cluster is found from the address of any of its nodes; slots that move are
followed. It has one keyspace: a dump of several databases needs --db.

Into an empty Kvrocks keys are written by raw write batches of RocksDB, in a
third of the time (--method). Before that one key of each type is written so
under a random name, read back by commands, and deleted: a target that does
not prove that it reads them is loaded by commands, and the load says why.

A journal, in a directory per dump and target, keeps how far the load is. A
load that stopped can be resumed with --resume; what is sent twice changes
nothing. Transient errors (a lost connection, a server that starts, slots
that move) are retried with backoff. If the target refuses one key, it is
listed, and the load continues.

Several --uri load the dump into several targets at once, each at its own
pace. If one fails, the others continue. Threads and rates are per target;
--state and --undo name a directory in which each has its own. The exit code
is the first that occurred of 130, 143, 1, 13, 12, 5, 10, 11, 4, 75, 3.
--resume resumes all; a finished target is left as it is.

EXAMPLES:
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika --dry-run
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika --resume
   kvload load --uri redis://10.0.0.9:6666 --in /backup/pika --verify
   kvload load --uri redis://any.node.of.cluster:6666 --in /backup/pika
   NS1=token1 kvload load --uri redis://10.0.0.9:6666 --askpass --in dump \
      --map-db 0=default,1=NS1
   kvload load --uri redis://10.0.0.9:6666 --in /archive/2024 \
      --ttl shift --key-prefix-add 2024:
   kvload load --uri redis://10.0.0.9:6666 --uri redis://10.1.0.9:6666 \
      --in /backup/pika
   kvload load --uri redis://10.0.0.9:6666 --in /shared/pika --follow

MANY MACHINES:
   # on each machine another shard, 0/8 to 7/8:
   kvload load --uri redis://10.0.0.9:6666 --in /nfs/pika \
      --shard 3/8 --resume
   # when they are done:
   kvload finish --uri redis://10.0.0.9:6666 --in /nfs/pika

   A shard is a fixed set of chunks. Each has a journal and a report of its
   own below --state, a directory or a prefix in a bucket that all machines
   see. In an Indexed Job of Kubernetes or an array job of Slurm, give
   --shards 8 instead. kvload finish makes sure that no shard is missing, and
   compares.

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
			chain, err := isChain(c)
			if err != nil {
				return err
			}
			if chain {
				targets[0].Summary = command.Summarize(c, afterFollow(c))
				return loadchain.Run(c.Context, targets, false, command.Out(c), c.App.ErrWriter)
			}
			targets[0].Summary = command.Summarize(c, afterLoad(c))
			if len(targets) > 1 {
				return load.RunAll(c.Context, targets, command.Out(c), c.App.ErrWriter)
			}
			return load.Run(c.Context, targets[0], command.Out(c), c.App.ErrWriter)
		},
	}
}

// loadFlags are the flags of load.
func loadFlags() []cli.Flag {
	return slices.Concat(
		dumpFlags("load the dump, delta or chain in `DIR`, a directory or the URL of a prefix in a bucket; - loads a stream from standard input"),
		[]cli.Flag{
			baseFlag("beside it is the journal of its load"),
			baseLoadedFlag(),
			&cli.BoolFlag{Name: "follow", Usage: "load a dump while pikadump still writes it, and end when it is finished", Category: categoryDump},
			&cli.BoolFlag{Name: "dry-run", Usage: "make the preflight checks, show all of them, and write nothing; exit code 0, or that of the load: 5, 11, 12", Category: categoryWhat},
			&cli.BoolFlag{Name: "verify", Usage: "when the load is done, compare the target with the dump, as kvload verify does", Category: categoryWhat},
			&cli.StringFlag{Name: "report", Usage: "list what was left out in `FILE` (default: left-out-TIME.jsonl beside the journal, if there is anything)", Category: categoryOutput},
		},
		targetFlags(),
		[]cli.Flag{
			&cli.StringFlag{Name: "accept", Usage: "`" + strings.Join(preflight.Acceptable, ",") + "` preflight checks that only warn instead of refusing", Category: categoryWhat},
			&cli.BoolFlag{Name: "create-namespaces", Usage: "create the namespaces of --map-db whose tokens the target does not know, named NAME of N=VAR@NAME, or dbN; the password must be its requirepass", Category: categoryWhat},
		},
		rewriteFlags(),
		shardFlags(),
		runFlags("connections that load at once, in a cluster to each node", "retry transient errors; give up after this long without progress; 0: no retries"),
		writeFlags("first save the keys that will be overwritten, as a dump in `DIR`, a directory or the URL of a prefix in a bucket"),
		rateFlags("write"),
		[]cli.Flag{
			&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "with --in -, keep chunks in `DIR` until they are loaded: one more than --threads, and those of a key that spans several; from a Pika before 4.0 the whole dump", Category: categorySpeed},
			&cli.StringFlag{Name: "method", Value: "auto", Usage: "`auto|commands|raw` how keys are written: by raw write batches of RocksDB if the target is empty and proves that it reads them, else by commands; by commands; or by raw batches, refused where that is not proved", Category: categorySpeed},
			&cli.BoolFlag{Name: "tune", Usage: "for the load, set log-level and rocksdb.max_background_jobs of a Kvrocks, and restore them; COMPACT when it is done; the password must be its requirepass", Category: categorySpeed},
			&cli.BoolFlag{Name: "resume", Usage: "resume a load that stopped; start it if there is none", Category: categoryRepeat},
			&cli.IntFlag{Name: "max-errors", Value: 1000, Usage: "stop if the target refuses more keys and members than this; -1: never", Category: categoryRepeat},
			encryption.RecipientFlag(),
		},
	)
}

// parseTargets returns the options of the load into each target.
func parseTargets(c *cli.Context) ([]load.Options, error) {
	servers, err := connect.AllFromFlags(c)
	if err != nil {
		return nil, &exitcode.UsageError{Err: err}
	}
	if n := len(servers); n > 1 && c.String("report") != "" {
		return nil, exitcode.Usagef("--report names one file, and there are %d targets: leave it out, each has its own beside its journal", n)
	}
	spec, err := parseSpec(c, servers[0])
	if err != nil {
		return nil, err
	}
	var targets []load.Options
	for _, s := range servers {
		if slices.ContainsFunc(targets, func(t load.Options) bool { return t.Target.Target.Addr == s.Addr }) {
			return nil, exitcode.Usagef("--uri names %s twice: each target is loaded once", s.Addr)
		}
		spec, err := into(c, spec, s)
		if err != nil {
			return nil, err
		}
		o, err := parseLoad(c, spec, len(servers) > 1)
		if err != nil {
			return nil, err
		}
		targets = append(targets, o)
	}
	return targets, nil
}

// parseLoad reads the flags of a load into one target; several says whether there are more.
func parseLoad(c *cli.Context, spec load.Spec, several bool) (o load.Options, err error) {
	if spec.Shard, err = shardFromFlags(c, os.Getenv); err != nil {
		return o, err
	}
	undo, err := parseWrite(c, &spec)
	if err != nil {
		return o, err
	}
	if several {
		for _, dir := range []*string{&spec.State, &undo} {
			if *dir != "" {
				*dir = storage.Join(*dir, loadstate.TargetName(spec.Target.Target.Addr))
			}
		}
	}
	o = load.Options{
		Spec: spec, Follow: c.Bool("follow"), Stdin: c.App.Reader, Spool: c.String("spool"),
		DryRun: c.Bool("dry-run"), CreateNamespaces: c.Bool("create-namespaces"), Namespaces: load.NamespaceNames(c.String("map-db")),
		BaseLoaded: c.Bool("base-loaded"), Resume: c.Bool("resume"), Undo: undo, Report: c.String("report"), Checkpoint: c.Duration("checkpoint"),
		MaxErrors: c.Int("max-errors"), StallTimeout: c.Duration("stall-timeout"), Tune: c.Bool("tune"),
		Tool: "kvload " + command.Version,
	}
	if c.Bool("verify") {
		o.Verify = func(ctx context.Context, s load.Spec, a *archive.Archive, rules *rewrite.Rules, left func() (io.ReadCloser, error), log io.Writer) error {
			return verifytarget.RunWith(ctx, verifytarget.Options{Spec: s, Rounds: 2, OpenLeftOut: left, Limits: o.Limits}, a, rules, log, log)
		}
	}
	if o.Method, err = load.ParseMethod(c.String("method")); err != nil {
		return o, exitcode.Usagef("--method: %w", err)
	}
	if o.Accept, err = parseAccept(c.String("accept")); err != nil {
		return o, err
	}
	if o.Limits, err = pace.LimitsFromFlags(c); err != nil {
		return o, err
	}
	return o, checkLoad(&o, several)
}

// checkLoad refuses options that do not go together.
func checkLoad(o *load.Options, several bool) error {
	switch stream := o.Dump == loadstate.Stream; {
	case o.CreateNamespaces && (o.MapDB == nil || o.Target.Target.Password == ""):
		return exitcode.Usagef("--create-namespaces makes the namespaces that --map-db names, and needs the password of %s (its requirepass)", o.Target.Target.Addr)
	case o.Undo != "" && o.Target.OnExists != writer.Replace:
		return exitcode.Usagef("--undo saves what is overwritten, and without --on-exists replace nothing is")
	case stream && o.Follow:
		return exitcode.Usagef("--follow is for a dump in a directory or a bucket: --in - is loaded as it comes anyway")
	case (stream || o.Follow) && several:
		return exitcode.Usagef("several targets need a finished dump: each loads it at its own pace")
	case (stream || o.Follow) && o.Shard.Of > 1:
		return exitcode.Usagef("shards can be taken of a finished dump only: leave out --shard, or wait for it (--shard 0/1 where a scheduler has set its variables)")
	case (stream || o.Follow) && o.Undo != "":
		return exitcode.Usagef("--undo must know all names before the load begins: it needs a finished dump")
	case stream && (o.Verify != nil || o.DryRun):
		return exitcode.Usagef("--in - can be read only once: make a dump of it with kvload unpack for --verify or --dry-run")
	case o.Keys.Recipients != nil && o.Undo == "":
		return exitcode.Usagef("--encrypt-to is for the dump that --undo makes; the dump that is loaded needs --identity if it is encrypted")
	case o.Report != "" && !o.Shard.IsAll():
		return exitcode.Usagef("--report does not go with --shard: what was left out is listed beside the journal, and kvload finish puts the lists together")
	case o.Tune && (!o.Shard.IsAll() || storage.IsURL(o.State)):
		return exitcode.Usagef("--tune keeps the settings that it changes in a local directory, and does not go with --shard, nor with --state in a bucket")
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
		if !slices.Contains(preflight.Acceptable, name) {
			return nil, exitcode.Usagef("--accept %q: it takes %s", name, strings.Join(preflight.Acceptable, ", "))
		}
	}
	return names, nil
}
