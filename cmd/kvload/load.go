package main

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadchain"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

const loadText = `Writes every record of a finished dump to a Kvrocks (or Redis), and reads
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
		UsageText:   "kvload load --uri redis://HOST:6666 --in DIR [options]",
		Description: loadText,
		Flags:       loadFlags(),
		Action: command.Action(parseTargets, func(c *cli.Context, targets []load.Options) error {
			chain, err := targets[0].IsChain(c.Context)
			if err != nil {
				return err
			}
			if chain {
				targets[0].Summary = command.Summarize(c, "", afterFollow)
				return loadchain.Run(c.Context, targets, false, command.Out(c), c.App.ErrWriter)
			}
			targets[0].Summary = command.Summarize(c, "", afterLoad)
			return load.RunAll(c.Context, targets, command.Out(c), c.App.ErrWriter)
		}),
	}
}

func loadFlags() []cli.Flag {
	return slices.Concat(
		targetFlags(), shardFlags(),
		runFlags("connections that load at once, in a cluster to each node"),
		writeFlags("first save the keys that will be overwritten, as a dump in "+command.Dir),
		rateFlags("write"),
		[]cli.Flag{
			inFlag("load the dump, delta or chain in " + command.Dir + "; - loads a stream from " +
				"standard input"),
			encryption.IdentityFlag(), encryption.RecipientFlag(),
			baseFlag("beside it is the journal of its load"),
			command.Bool("base-loaded", command.Dump, "load a delta though no journal says that "+
				"the target holds what it follows; only if you know that it does"),
			command.Bool("follow", command.Dump, "load a dump while pikadump still writes it, "+
				"and end when it is finished"),
			command.Bool("dry-run", command.Written, "make the preflight checks, show all of "+
				"them, and write nothing; exit code 0, or that of the load: 5, 11, 12, 13"),
			command.Bool("verify", command.Written, "when the load is done, compare the target "+
				"with the dump, as kvload verify does"),
			command.Text("report", command.Output, "list what was left out in `FILE` (default: "+
				"left-out-TIME.jsonl beside the journal, if there is anything)"),
			command.Text("accept", command.Written, "`"+strings.Join(preflight.Acceptable, ",")+
				"` preflight checks that only warn instead of refusing"),
			command.Bool("create-namespaces", command.Written, "create the namespaces of "+
				"--map-db whose tokens the target does not know, named NAME of N=VAR@NAME, or "+
				"dbN; the password must be its requirepass"),
			&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Category: command.Speed,
				Usage: "with --in -, keep chunks in `DIR` until they are loaded: one more than " +
					"--threads, and those of a key that spans several; from a Pika before 4.0 " +
					"the whole dump"},
			&cli.StringFlag{Name: "method", Value: "auto", Category: command.Speed,
				Usage: "`auto|commands|raw` how keys are written: by raw write batches of " +
					"RocksDB if the target is empty and proves that it reads them, else by " +
					"commands; by commands; or by raw batches, refused where that is not proved"},
			command.Bool("tune", command.Speed, "for the load, set log-level and "+
				"rocksdb.max_background_jobs of a Kvrocks, and restore them; COMPACT when it is "+
				"done; the password must be its requirepass"),
			command.Bool("resume", command.Repeat, "resume a load that stopped; start it if "+
				"there is none"),
			&cli.IntFlag{Name: "max-errors", Value: 1000, Category: command.Repeat,
				Usage: "stop if the target refuses more keys and members than this; -1: never"},
		},
	)
}

// rateFlags say how the target is spared.
func rateFlags(verb string) []cli.Flag {
	return command.RateFlags(verb, "connections", "halve the speed while reply latency exceeds "+
		"`F` times its initial value, then raise it slowly")
}

// parseTargets returns the options of the load into each target.
func parseTargets(v *command.Values) (targets []load.Options) {
	servers := command.Get(v, connect.AllFromFlags)
	if servers == nil {
		return nil
	}
	v.Refuse(len(servers) > 1 && v.String("report") != "",
		"--report names one file, and there are %d targets: leave it out, each has its own "+
			"beside its journal", len(servers))
	o := parseLoad(v, parseSpec(v, servers[0]))
	for _, s := range servers {
		t := o
		t.Spec = into(v, o.Spec, s)
		for _, other := range targets {
			v.Refuse(other.Target.Target.Addr == s.Addr,
				"--uri names %s twice: each target is loaded once", s.Addr)
		}
		if len(servers) > 1 {
			t.AmongSeveral()
		}
		v.Try(t.Check)
		targets = append(targets, t)
	}
	return targets
}

func parseLoad(v *command.Values, spec load.Spec) load.Options {
	undo := parseWrite(v, &spec)
	o := load.Options{
		Spec: spec, Follow: v.Bool("follow"), Stdin: v.App.Reader, Spool: v.String("spool"),
		DryRun: v.Bool("dry-run"), CreateNamespaces: v.Bool("create-namespaces"),
		BaseLoaded: v.Bool("base-loaded"), Resume: v.Bool("resume"), Undo: undo,
		Report: v.String("report"), Accept: parseAccept(v),
		Checkpoint: v.Duration("checkpoint"), StallTimeout: v.Duration("stall-timeout"),
		MaxErrors: v.Context.Int("max-errors"), Limits: command.Get(v, pace.LimitsFromFlags),
		Method: command.Choose[load.Method](v, "method"), Tune: v.Bool("tune"),
		Tool: "kvload " + command.Version,
	}
	compare := verifytarget.Options{Rounds: 2, Limits: o.Limits}
	if o.VerifySome = compare.VerifySome; v.Bool("verify") {
		o.Verify = compare.Verify
	}
	return o
}

func parseAccept(v *command.Values) (names []string) {
	if v.String("accept") != "" {
		names = strings.Split(v.String("accept"), ",")
	}
	for _, name := range names {
		v.Refuse(!slices.Contains(preflight.Acceptable, name),
			"--accept %q: it takes %s", name, strings.Join(preflight.Acceptable, ", "))
	}
	return names
}
