package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// loadOptions is what kvload load is told to do.
type loadOptions struct {
	server   connect.Server
	servers  []connect.Server // of every --uri of load
	filter   filter.Filter
	in       string
	stdin    io.Reader // of --in -
	follow   bool
	spool    string                  // directory of what --in - has sent and is not loaded yet
	dump     string                  // id of the dump, once it is open
	mapDB    map[int]writer.Keyspace // nil: none given
	conflict conflictPolicy
	prefix   prefix
	ttl      ttlPolicy
	slow     pace.Limits
	threads  int
	report   string // file for what was left out; empty: the default name
	writer   writer.Options
	quiet    bool
	keys     encryption.Keys
	progress func(io.Writer, func() progress.Snapshot) (stop func()) // shows it; nil: progress.Start
	verify   bool                                                    // compare when the load is done

	dryRun           bool           // only look whether the target can be loaded
	accept           []string       // checks of the pre-flight that may fail
	tune             bool           // change settings of the target for the load
	createNamespaces bool           // that the places name
	namespaces       map[int]string // names of those that --create-namespaces makes, by database; not named: dbN

	share        share.Share
	state        string // place of the journal; empty: beside the dump
	breakLock    bool
	resume       bool
	undo         string // directory of the dump of what is overwritten; empty: none is made
	retryFor     time.Duration
	retries      *progress.Retries
	maxErrors    int // negative: no limit
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

// without returns the flags but those of the names.
func without(flags []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(flags, func(f cli.Flag) bool { return slices.Contains(names, f.Names()[0]) })
}

// loadFlags are the flags of load, most of which verify and rollback have as well.
func loadFlags() []cli.Flag {
	env := command.Env("KVLOAD")
	const what, speed, repeat = "What", "Speed and size", "When it fails"
	return slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: "load the dump in `DIR`, a directory or the URL of a prefix in a bucket; - loads a stream from standard input", EnvVars: env("in")},
			&cli.BoolFlag{Name: "follow", Usage: "load a dump while pikadump is still at it, and end when it is finished", EnvVars: env("follow")},
			&cli.StringFlag{Name: "spool", DefaultText: os.TempDir(), Usage: "with --in -, keep chunks in `DIR` until they are loaded: one more than --threads, and those of a key that goes over several; of a Pika before 4.0 the whole dump", EnvVars: env("spool"), Category: speed},
			&cli.StringFlag{Name: "map-db", Usage: "where each database goes: N=default (the connection's own), N=VAR (the namespace whose token is in the environment variable VAR; N=VAR@NAME also gives its name, for --create-namespaces) or N=db:M (database M of a server that has them), separated by commas", EnvVars: env("map-db"), Category: what},
			&cli.StringFlag{Name: "on-exists", Value: "fail", Usage: "a target that holds keys: fail (refuse it), skip (leave its keys as they are) or replace (overwrite keys of the dump, and delete those that have expired in it)", EnvVars: env("on-exists"), Category: what},
			&cli.StringFlag{Name: "on-conflict", Value: "fail", Usage: "a name that stands in several types: fail, first (only the type that Pika would show) or suffix (the others as NAME:hash and so on)", EnvVars: env("on-conflict"), Category: what},
			&cli.StringFlag{Name: "hyperloglog", Value: "leave-out", Usage: "Pika's hyperloglogs, which Kvrocks cannot take as such: leave-out or string (load their bytes)", EnvVars: env("hyperloglog"), Category: what},
			&cli.StringFlag{Name: "ttl", Value: "keep", Usage: "expiries: keep (the times in the dump), drop (no key expires) or shift (each later by the time since the dump was begun, for archives)", EnvVars: env("ttl"), Category: what},
			&cli.DurationFlag{Name: "ttl-min", Usage: "leave out and count keys that have less than this to live when the load begins; a load that replaces keys deletes them on the target", EnvVars: env("ttl-min"), Category: what},
			&cli.StringFlag{Name: "key-prefix-strip", Usage: "take `PREFIX` off every name; keys without it are left out and listed", EnvVars: env("key-prefix-strip"), Category: what},
			&cli.StringFlag{Name: "key-prefix-add", Usage: "put `PREFIX` before every name, after --key-prefix-strip", EnvVars: env("key-prefix-add"), Category: what},
			&cli.BoolFlag{Name: "dry-run", Usage: "make the checks of this load, show all of them, and write nothing; exit code 0, or that of the load: 5, 11, 12", EnvVars: env("dry-run")},
			&cli.BoolFlag{Name: "create-namespaces", Usage: "make the namespaces of --map-db whose tokens the target does not know (as NAME of N=VAR@NAME, or dbN); the password must be its requirepass", EnvVars: env("create-namespaces"), Category: what},
			&cli.StringFlag{Name: "accept", Usage: "checks before the load that only warn where they would refuse: " + strings.Join(writer.Acceptable, ", ") + "; separated by commas", EnvVars: env("accept"), Category: what},
			&cli.BoolFlag{Name: "verify", Usage: "when the load is done, compare the target with the dump, as kvload verify does", EnvVars: env("verify")},
			&cli.StringFlag{Name: "report", Usage: "list what was left out in `FILE` (default: left-out-TIME.jsonl beside the journal, if there is anything)", EnvVars: env("report")},
		},
		connect.Flags(6666, env),
		filter.Flags(env),
		shareFlags(env),
		[]cli.Flag{
			&cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Value: 8, Usage: "connections that load at once, in a cluster to each node", EnvVars: env("threads"), Category: speed},
			&cli.IntFlag{Name: "pipeline", Value: 512, Usage: "most commands in one pipeline", EnvVars: env("pipeline"), Category: speed},
			&cli.DurationFlag{Name: "timeout", DefaultText: "2m", Usage: "longest wait for the replies of a pipeline", EnvVars: env("timeout"), Category: speed},
			&cli.StringFlag{Name: "rate-keys", DefaultText: "no limit", Usage: "write at most `N` keys a second, such as 20k, over all connections", EnvVars: env("rate-keys"), Category: speed},
			&cli.StringFlag{Name: "rate-bytes", DefaultText: "no limit", Usage: "write at most `SIZE` a second, over all connections", EnvVars: env("rate-bytes"), Category: speed},
			&cli.Float64Flag{Name: "max-latency-factor", DefaultText: "off", Usage: "halve the speed when replies take more than `F` times as long as at the start, and raise it again slowly", EnvVars: env("max-latency-factor"), Category: speed},
			&cli.BoolFlag{Name: "tune", Usage: "for the load, set log-level and rocksdb.max_background_jobs of a Kvrocks, and set them back; COMPACT when it is done; the password must be its requirepass", EnvVars: env("tune"), Category: speed},
			&cli.StringFlag{Name: "state", Usage: "keep the journal of this load in `DIR`, a directory or the URL of a prefix in a bucket (default: DUMP.load/HOST_PORT, beside the dump; of a dump in a bucket, without --shard, kvload-DUMP.load/HOST_PORT in this directory; none for --shard of a dump that is a whole bucket, or encrypted in one)", EnvVars: env("state"), Category: repeat},
			&cli.BoolFlag{Name: "break-lock", Usage: "take the place of a run, with its journal in a bucket, that is known to be gone", EnvVars: env("break-lock"), Category: repeat},
			&cli.StringFlag{Name: "undo", Usage: "with --on-exists replace: first save the keys that will be overwritten, as a dump in `DIR`, a directory or the URL of a prefix in a bucket", EnvVars: env("undo"), Category: repeat},
			&cli.BoolFlag{Name: "resume", Usage: "go on with a load that was stopped; begin it if there is none", EnvVars: env("resume"), Category: repeat},
			&cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Usage: "try again what may pass by itself, until so long nothing was loaded; 0 not at all", EnvVars: env("retry-for"), Category: repeat},
			&cli.IntFlag{Name: "max-errors", Value: 1000, Usage: "stop when the target has refused more keys and members than this; -1 never", EnvVars: env("max-errors"), Category: repeat},
			&cli.DurationFlag{Name: "stall-timeout", Value: 5 * time.Minute, Usage: "stop when nothing moves for so long, and say where it stands; 0 never", EnvVars: env("stall-timeout"), Category: repeat},
			&cli.DurationFlag{Name: "checkpoint", Value: time.Second, Usage: "how often the journal is written", EnvVars: env("checkpoint"), Category: repeat},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress", EnvVars: env("quiet")},
			encryption.IdentityFlag(env), encryption.RecipientFlag(env),
		},
	)
}

func parseLoad(c *cli.Context) (loadOptions, error) {
	o, err := parseShared(c)
	if err != nil {
		return o, err
	}
	o.verify, o.dryRun, o.tune = c.Bool("verify"), c.Bool("dry-run"), c.Bool("tune")
	if o.accept, err = parseAccept(c.String("accept")); err != nil {
		return o, err
	}
	if o.createNamespaces = c.Bool("create-namespaces"); o.createNamespaces && (o.mapDB == nil || o.server.Password == "") {
		return o, command.Usage("--create-namespaces makes the namespaces that --map-db names, and needs the password of the server (its requirepass)")
	}
	o.namespaces = namespaceNames(c.String("map-db"))
	if n := c.Int("pipeline"); n < 1 || n > 1<<20 {
		return o, command.Usage("--pipeline %d: it is between 1 and %d", n, 1<<20)
	}
	o.writer.BatchCommands = c.Int("pipeline")
	if o.writer.OnExists, err = writer.ParseOnExists(c.String("on-exists")); err != nil {
		return o, command.Usage("--on-exists: %w", err)
	}
	if o.undo = c.String("undo"); o.undo != "" && o.writer.OnExists != writer.Replace && c.Command.Name == "load" {
		return o, command.Usage("--undo saves what is overwritten, and without --on-exists replace nothing is")
	}
	if !utf8.ValidString(o.undo) { // the journal could not hold it, and a rollback not find it
		return o, command.Usage("--undo %q is no UTF-8: choose another name", o.undo)
	}
	if err := o.parseStream(c); err != nil {
		return o, err
	}
	if o.keys.Recipients != nil && o.undo == "" {
		return o, command.Usage("--encrypt-to is for the dump that --undo makes; the dump that is loaded needs --identity if it is encrypted")
	}
	if o.undo != "" && !o.share.IsAll() {
		return o, command.Usage("--undo does not go with --shard: another share may have overwritten what this one would save; load with one kvload, or save the target itself before")
	}
	if o.report != "" && !o.share.IsAll() {
		return o, command.Usage("--report does not go with --shard: what was left out is listed beside the journal, and kvload finish puts the lists together")
	}
	if o.tune && (!o.share.IsAll() || storage.IsURL(c.String("state"))) {
		return o, command.Usage("--tune keeps the settings that it changes in a local directory, and does not go with --shard, nor with --state in a bucket")
	}
	if err := storage.Check(c.String("state")); err != nil {
		return o, command.Usage("--state: %w", err)
	}
	if c.String("state") == "" && !o.share.IsAll() && storage.IsURL(o.in) && !storage.HasPrefix(o.in) {
		return o, command.Usage("--shard keeps its journal beside the dump, but --in is a whole bucket, beside which there may be somebody else's: " +
			"say with --state where the journals of all shares go, such as a prefix in a bucket of your own")
	}
	if err := storage.Check(o.undo); err != nil {
		return o, command.Usage("--undo: %w", err)
	}
	if o.slow, err = pace.LimitsFromFlags(c); err != nil {
		return o, err
	}
	o.breakLock = c.Bool("break-lock")
	o.state, o.resume, o.retryFor, o.maxErrors = c.String("state"), c.Bool("resume"), c.Duration("retry-for"), c.Int("max-errors")
	o.stallTimeout, o.checkpoint = c.Duration("stall-timeout"), c.Duration("checkpoint")
	for _, name := range []string{"retry-for", "stall-timeout", "checkpoint"} {
		if d := c.Duration(name); d < 0 {
			return o, command.Usage("--%s %v is negative", name, d)
		}
	}
	return o, nil
}

// parseStream reads the flags that are for dumps that are not finished.
func (o *loadOptions) parseStream(c *cli.Context) error {
	o.stdin, o.follow, o.spool = c.App.Reader, c.Bool("follow"), c.String("spool")
	switch {
	case o.in != stdin && !o.follow:
		return nil
	case o.in == stdin && o.follow:
		return command.Usage("--follow is for a dump in a directory or a bucket: --in - is loaded as it comes anyway")
	case len(o.servers) > 1:
		return command.Usage("several targets need a finished dump: each loads it at its own pace")
	case o.share.Of > 1:
		return command.Usage("shares can be taken of a finished dump only: leave out --shard, or wait for it (--shard 0/1 where a scheduler has set its variables)")
	case o.undo != "":
		return command.Usage("--undo must know all names before the load begins: it needs a finished dump")
	case o.in == stdin && (o.verify || o.dryRun):
		return command.Usage("--in - can be read only once: make a dump of it with kvload unpack for --verify or --dry-run")
	}
	return nil
}

// parseShared reads the flags that load and verify have in common.
func parseShared(c *cli.Context) (loadOptions, error) {
	o := loadOptions{retries: progress.NewRetries(), in: c.String("in"), threads: c.Int("threads"), report: c.String("report"), quiet: c.Bool("quiet")}
	if c.Args().Present() {
		return o, command.Usage("%q is not a flag: the dump is given with --in", c.Args().First())
	}
	if o.in == "" {
		return o, command.Usage("--in is missing: it names the directory of the dump")
	}
	if o.in == stdin && c.Command.Name != "load" {
		return o, command.Usage("--in -: a stream can be read only once: make a dump of it with kvload unpack, and give that")
	}
	if err := storage.Check(o.in); err != nil {
		return o, command.Usage("--in: %w", err)
	}
	if o.threads < 1 || o.threads > 1024 {
		return o, command.Usage("--threads %d: it is between 1 and 1024", o.threads)
	}
	var err error
	if o.servers, err = serversFromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	o.server = o.servers[0]
	if o.filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if c.Command.Name != "finish" {
		if o.share, err = shareFromFlags(c, os.Getenv); err != nil {
			return o, err
		}
	}
	if o.mapDB, err = parseMapDB(c.String("map-db"), o.own(), os.Getenv); err != nil {
		return o, err
	}
	if o.conflict, err = parseConflict(c.String("on-conflict")); err != nil {
		return o, err
	}
	o.prefix = prefix{strip: []byte(c.String("key-prefix-strip")), add: []byte(c.String("key-prefix-add"))}
	if o.ttl, err = ttlFromFlags(c); err != nil {
		return o, err
	}
	if o.keys, err = encryption.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if d := c.Duration("timeout"); d < 0 {
		return o, command.Usage("--timeout %v is negative", d)
	}
	o.writer = writer.Options{
		Addr: o.server.Addr, Username: o.server.Username, Password: o.server.Password, TLS: o.server.TLS,
		ReadTimeout: c.Duration("timeout"),
	}
	if o.writer.HyperLogLog, err = writer.ParseHLLPolicy(c.String("hyperloglog")); err != nil {
		return o, command.Usage("--hyperloglog: %w", err)
	}
	return o, nil
}

// isSpaceOrControl tells what no name of a namespace may have: a Kvrocks reads its configuration back otherwise (SERVERS.md K3).
func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// own is the place that the connection is in by itself.
func (o *loadOptions) own() writer.Keyspace { return writer.Keyspace{DB: max(0, o.server.DB)} }

// parseMapDB reads 0=default,1=VAR,2=db:3. No two databases may go to one place.
func parseMapDB(s string, own writer.Keyspace, getenv func(string) string) (map[int]writer.Keyspace, error) {
	if s == "" {
		return nil, nil
	}
	places, taken := map[int]writer.Keyspace{}, map[writer.Keyspace]int{}
	for i, pair := range strings.Split(s, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(pair), "=")
		db, err := strconv.Atoi(from)
		if !ok || err != nil || db < 0 || to == "" {
			return nil, command.Usage("--map-db: pair %d is not N=default, N=VAR or N=db:M, separated by commas", i+1)
		}
		if _, twice := places[db]; twice {
			return nil, command.Usage("--map-db names database %d twice", db)
		}
		place := own
		if number, ok := strings.CutPrefix(to, "db:"); ok {
			if place.DB, err = strconv.Atoi(number); err != nil || place.DB < 0 {
				return nil, command.Usage("--map-db: database %d goes to %q, which is not db: and a number", db, to)
			}
		} else if to != "default" {
			to, name, named := strings.Cut(to, "@")
			if named && (name == "" || len(name) > 255 || name == "__namespace" || strings.ContainsFunc(name, isSpaceOrControl)) {
				return nil, command.Usage("--map-db: database %d goes to a namespace whose name is not 1 to 255 bytes without white space, or the default's", db)
			}
			if place = (writer.Keyspace{Token: getenv(to)}); place.Token == "" {
				return nil, command.Usage("--map-db: database %d goes to an environment variable that is not set%s; it must hold the token of the namespace", db, shownVariable(to))
			}
		}
		if other, twice := taken[place]; twice {
			return nil, command.Usage("--map-db: databases %d and %d would go to the same place and be mixed; give each its own", other, db)
		}
		places[db], taken[place] = place, db
	}
	return places, nil
}

// namespaceNames are the NAMEs of N=VAR@NAME in a --map-db that parseMapDB takes, by N.
func namespaceNames(s string) map[int]string {
	names := map[int]string{}
	for pair := range strings.SplitSeq(s, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if _, name, ok := strings.Cut(to, "@"); ok {
			db, _ := strconv.Atoi(from)
			names[db] = name
		}
	}
	return names
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// shownVariable names a variable in an error, unless it looks like a token that was
// given in its place.
func shownVariable(name string) string {
	if !variableName.MatchString(name) {
		return " (give the name of the variable, not the token itself)"
	}
	return ", " + name
}
