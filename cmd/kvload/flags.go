package main

import (
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/recall"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// inFlag says which dump.
func inFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: usage, Category: command.Dump}
}

// baseFlag says where the base of a delta lies; what is the end of its help.
func baseFlag(what string) cli.Flag {
	return command.Text("base", command.Dump, "of a delta or a chain: the base lies in "+
		command.Dir+"; "+what)
}

// targetFlags say which target, where on it the databases go, and which keys are loaded under which
// names and with which expiries.
func targetFlags() []cli.Flag {
	return slices.Concat(connect.Flags(6666), rewriteFlags(), []cli.Flag{
		command.Text("map-db", command.Written, "`N=TARGET,...` where each database goes: "+
			"N=default (the connection's own), N=VAR (the namespace whose token is in the "+
			"environment variable VAR; N=VAR@NAME also gives its name) or N=db:M (database M of "+
			"a server that has them), separated by commas"),
		&cli.DurationFlag{Name: "timeout", DefaultText: "2m", Category: command.Speed,
			Usage: "longest wait for the replies of a pipeline"},
	})
}

// rewriteFlags say which keys are loaded, and what becomes of their names and expiries.
func rewriteFlags() []cli.Flag {
	return append(filter.Flags(),
		&cli.StringFlag{Name: "on-conflict", Value: "fail", Category: command.Written,
			Usage: "`fail|first|suffix` a name with several types: refuse it, load only the " +
				"type that Pika would show, or load the others as NAME:hash and so on"},
		&cli.StringFlag{Name: "hyperloglog", Value: "leave-out", Category: command.Written,
			Usage: "`leave-out|string` Pika's hyperloglogs, which Kvrocks cannot hold: list " +
				"them, or load their bytes"},
		&cli.StringFlag{Name: "ttl", Value: "keep", Category: command.Written,
			Usage: "`keep|drop|shift` expiries: the times in the dump, none, or each later by " +
				"the time since the dump began, for archives"},
		&cli.DurationFlag{Name: "ttl-min", Category: command.Written,
			Usage: "leave out and count keys that have less than this left when the load " +
				"begins; where keys are overwritten, they are deleted on the target"},
		command.Text("key-prefix-strip", command.Written, "strip `PREFIX` from every name; keys "+
			"without it are left out and listed"),
		command.Text("key-prefix-add", command.Written, "put `PREFIX` before every name, after "+
			"--key-prefix-strip"),
	)
}

// runFlags say how a run goes; threads is the help of --threads.
func runFlags(threads string) []cli.Flag {
	return append(command.OutputFlags(), command.ThreadsFlag(8, threads), command.RetryFlag())
}

// shardFlags are the flags by which a shard is chosen.
func shardFlags() []cli.Flag {
	return []cli.Flag{
		command.Text("shard", command.Shards, "only shard `I/N` of the dump, I from 0 to N-1 "+
			"(0/1: all of it); all shards have the same --state"),
		&cli.IntFlag{Name: "shards", Category: command.Shards,
			Usage: "only one of `N` shards, which the scheduler names: " + shard.KubernetesIndex +
				" (Kubernetes) or " + shard.SlurmIndex + " (Slurm, N also from " +
				shard.SlurmCount + ")"},
	}
}

// parseShard reads --shard and --shards, and what schedulers say in the environment.
func parseShard(v *command.Values) (s shard.Shard) {
	shards := 0
	if v.IsSet("shards") {
		shards = v.Int("shards", 1, shard.Max)
	}
	v.Try(func() (err error) {
		s, err = shard.Parse(v.String("shard"), shards, "--shards (KVLOAD_SHARDS)", os.Getenv)
		return err
	})
	return s
}

// parseSpec reads the flags that load, verify, finish and rollback have in common. Server is what
// connect has read of them.
func parseSpec(v *command.Values, server connect.Server) load.Spec {
	s := load.Spec{Meter: command.Get(v, command.Meter)}
	v.NoArguments("the dump is given with --in")
	v.Refuse(v.String("in") == "", "--in is missing: it names the directory of the dump")
	s.Dump, s.Base = v.Checked("in", storage.Check), v.Checked("base", storage.Check)
	s.State, s.Workers = v.Checked("state", storage.Check), v.Int("threads", 1, 1024)
	s.Target.Target.ReadTimeout, s.RetryFor = v.Duration("timeout"), v.Duration("retry-for")
	s.Keys = command.Get(v, encryption.FromFlags)
	if v.Value("shard") != nil { // the command has it
		s.Shard = parseShard(v)
	}
	s.Target.Target.Addr = server.Addr
	several := len(v.StringSlice("uri")) > 1
	if !several {
		s.State = loadstate.OfOne(v.Context.Context, s.State, server.Addr)
	}
	v.Try(func() error {
		return recall.Load(v.Context.Context, v, recall.Options{
			Spec: &s, Command: v.Command.Name, Log: v.App.ErrWriter, Several: several,
		})
	})
	s.Filter = command.Get(v, filter.FromFlags)
	s.Rewrite, s.Target.HyperLogLog = parseRewrite(v)
	return into(v, s, server)
}

// parseRewrite reads the flags that say what becomes of names, expiries and hyperloglogs.
func parseRewrite(v *command.Values) (o rewrite.Options, hll writer.HLLPolicy) {
	o.Prefix.Strip = []byte(v.String("key-prefix-strip"))
	o.Prefix.Add = []byte(v.String("key-prefix-add"))
	o.Conflict = command.Choose[rewrite.Conflict](v, "on-conflict")
	o.TTL.Mode, o.TTL.Min = command.Choose[rewrite.TTLMode](v, "ttl"), v.Duration("ttl-min")
	v.Refuse(o.TTL.Min > 0 && o.TTL.Mode == rewrite.Drop,
		"--ttl drop lets no key expire: leave --ttl-min out")
	return o, command.Parse(v, "hyperloglog", writer.ParseHLLPolicy)
}

// into returns a spec for another target.
func into(v *command.Values, s load.Spec, to connect.Server) load.Spec {
	t := &s.Target.Target
	t.Addr, t.Username, t.Password, t.TLS = to.Addr, to.Username, to.Password, to.TLS
	s.Own = target.Keyspace{DB: max(0, to.DB)}
	v.Try(func() (err error) {
		s.MapDB, s.Namespaces, err = load.ParseKeyspaces(v.String("map-db"), s.Own, os.Getenv)
		return err
	})
	return s
}

// parseOne is parseSpec of the commands that read a finished dump and take one target.
func parseOne(v *command.Values) load.Spec {
	s := parseSpec(v, command.Get(v, connect.FromFlags))
	v.Refuse(s.Dump == loadstate.Stream, "--in -: a stream can be read only once: make a dump of "+
		"it with kvload unpack, and give that")
	return s
}

// writeFlags are those of load and rollback, which write to the target; undo is the help of --undo.
func writeFlags(undo string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-exists", Value: "fail", Category: command.Written,
			Usage: "`fail|skip|replace` a target that holds keys: refuse it, leave its keys as " +
				"they are, or overwrite keys of the dump and delete those that have expired in it"},
		&cli.IntFlag{Name: "pipeline", Value: 512, Category: command.Speed,
			Usage: "maximum number of commands in one pipeline"},
		command.Text("state", command.Repeat, "keep the journal of this load in "+command.Dir+
			" (default: DUMP.load/HOST_PORT, beside the dump; of a dump in a bucket that is not "+
			"loaded in shards, kvload-DUMP.load/HOST_PORT in this directory; none for a shard of "+
			"a dump that is a whole bucket, or encrypted in one)"),
		command.Bool("break-lock", command.Repeat, "take over the lock of a run whose journal "+
			"is in a bucket; only if you know that the run is gone"),
		command.Text("undo", command.Repeat, undo),
		&cli.DurationFlag{Name: "stall-timeout", Value: 5 * time.Minute, Category: command.Repeat,
			Usage: "stop if nothing moves for this long, and say where each worker is; 0: never"},
		&cli.DurationFlag{Name: "checkpoint", Value: time.Second, Category: command.Repeat,
			Usage: "shortest time between two checkpoints in the journal"},
	}
}

// parseWrite reads writeFlags into s, but for the last three, of which it returns --undo.
func parseWrite(v *command.Values, s *load.Spec) (undo string) {
	s.Target.BatchCommands, s.BreakLock = v.Int("pipeline", 1, 1<<20), v.Bool("break-lock")
	s.Target.OnExists = writer.Replace
	if v.Command.Name != "follow" {
		s.Target.OnExists = command.Parse(v, "on-exists", writer.ParseOnExists)
	}
	undo = v.String("undo")
	v.Refuse(!utf8.ValidString(undo), // the journal could not hold it, and a rollback not find it
		"--undo %q is no UTF-8: choose another name", undo)
	v.Refuse(undo != "" && !s.Shard.IsAll(),
		"--undo does not go with --shard: another shard may have overwritten what this one would "+
			"save; load with one kvload, or save the target itself before")
	v.Checked("undo", storage.Check)
	ownBucket := storage.IsURL(s.Dump) && !storage.HasPrefix(s.Dump)
	v.Refuse(s.State == "" && !s.Shard.IsAll() && ownBucket,
		"--shard keeps its journal beside the dump, but --in is a whole bucket, beside which "+
			"there may be somebody else's: say with --state where the journals of all shards go, "+
			"such as a prefix in a bucket of your own")
	return undo
}

// outFlags say where a dump is written to.
func outFlags() []cli.Flag {
	return append(command.BucketFlags("for a bucket, keep each file in `DIR` until it is sent"),
		&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Category: command.Dump,
			Usage: "write the dump to " + command.Dir + ", which must be empty or not there"})
}

// makeFlags are those of commands that make a dump of others; plain is the help of --plain.
func makeFlags(plain string) []cli.Flag {
	return append(append(outFlags(), command.OutputFlags()...),
		encryption.IdentityFlag(), encryption.RecipientFlag(),
		encryption.PlainFlag(plain))
}

func parseOut(v *command.Values) (location string, s storage.Options) {
	v.Refuse(v.String("out") == "", "--out is missing: it names the directory to write to")
	s.Spool, s.BreakLock = v.String("spool"), v.Bool("break-lock")
	return v.Checked("out", storage.Check), s
}
