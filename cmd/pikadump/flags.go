package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// serverFlags are those of all that reads a source; threads is the help of --threads, and another
// what sets back after a crash what --source-cache-off has set.
func serverFlags(threads, another string) []cli.Flag {
	return append(connect.Flags(9221), command.ThreadsFlag(0, threads), command.RetryFlag(),
		&cli.DurationFlag{Name: "timeout", DefaultText: "90s", Category: command.Speed,
			Usage: "longest wait for a reply"},
		command.Bool("source-cache-off", command.Speed, "set the source's cache-model to 0 for "+
			"the run, and restore it at the end (after a crash: at the end of "+another+")"),
	)
}

// sourceFlags returns the flags that dump and plan share; another is that of serverFlags.
func sourceFlags(another string) []cli.Flag {
	return slices.Concat(filter.Flags(), serverFlags("types read at once, each on a connection "+
		"of its own (default: half the server's thread-pool-size; dump: up to 6 while PING is "+
		"quick)", another), []cli.Flag{
		&cli.StringFlag{Name: "scan", Value: reader.ScanAuto, Category: command.Speed,
			Usage: "`auto|range|scan` how keys are listed: range by PKSCANRANGE and SCANX " +
				"(3.0.3 and newer); scan by SCAN (one thread, cannot be resumed, and only while " +
				"no other client scans)"},
		&cli.StringFlag{Name: "streams", Value: "auto", Category: command.Keys,
			Usage: "`auto|off` off: no streams, which Pika 4.0 can only list by walking over all " +
				"keys"},
		&cli.IntFlag{Name: "page-keys", Value: 256, Category: command.Speed,
			Usage: "maximum number of keys in one page"},
		&cli.StringFlag{Name: "reply-size", Value: "1MiB", Category: command.Speed,
			Usage: "target `SIZE` of one reply; at four times that it is given up, and less is " +
				"asked for"},
		levelFlag(),
	})
}

// storeFlags say how files are written.
func storeFlags() []cli.Flag {
	return append(command.BucketFlags("keep chunks in `DIR` until they are sent: one chunk per "+
		"thread and upload; with --out - from a Pika before 4.0 the whole dump"),
		encryption.RecipientFlag(), encryption.IdentityFlag(),
		encryption.PlainFlag("write a delta that is not encrypted, behind a base that is"),
		&cli.IntFlag{Name: "uploads", Value: 4, Category: command.Bucket,
			Usage: "chunks that are sent to a bucket at once"})
}

// paceFlags say how the source is spared.
func paceFlags() []cli.Flag {
	return append(command.RateFlags("read", "threads", "pause while PING latency exceeds `F` "+
		"times its initial value"),
		&cli.DurationFlag{Name: "reply-time", DefaultText: "500ms", Category: command.Speed,
			Usage: "target time of one reply, at most a third of the server's timeout"},
		&cli.StringSliceFlag{Name: "window", Category: command.Speed,
			Usage: "read only at these times of the day, such as `23:00-06:00`, and pause " +
				"outside; more than one with commas"})
}

func levelFlag() cli.Flag {
	return &cli.StringFlag{Name: "level", Value: "fastest", Category: command.Speed,
		Usage: "`fastest|default|better` compression"}
}

func parseLevel(v *command.Values) format.Level {
	return map[string]format.Level{
		"fastest": format.Fastest, "default": format.Default, "better": format.Better,
	}[command.Choose[string](v, "level")]
}

// parseStore reads storeFlags and --level.
func parseStore(v *command.Values) archive.Options {
	return archive.Options{
		Level: parseLevel(v), Uploads: v.Int("uploads", 1, 64),
		Keys:    command.Get(v, encryption.FromFlags),
		Storage: storage.Options{Spool: v.String("spool"), BreakLock: v.Bool("break-lock")},
	}
}

func parsePace(v *command.Values, o *reader.Options) (pace.Limits, []pace.Window) {
	o.Latency = v.Duration("reply-time")
	limits, windows := command.Get(v, pace.LimitsFromFlags), []pace.Window(nil)
	for _, s := range v.StringSlice("window") {
		for one := range strings.SplitSeq(s, ",") {
			w, err := pace.ParseWindow(one)
			v.Refuse(err != nil, "--window: %w", err)
			windows = append(windows, w)
		}
	}
	return limits, windows
}

// cacheSwitch reads --source-cache-off of a command that has no dump to write to.
func cacheSwitch(c *cli.Context) dump.CacheSwitch {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return dump.CacheSwitch{
		Off: c.Bool("source-cache-off"), Dir: filepath.Join(dir, "pikadump"),
		Again: "run pikadump " + c.Command.Name + " again", Log: c.App.ErrWriter,
	}
}

// parseServer reads the flags that all commands share: the source, and which keys of it.
func parseServer(v *command.Values) (o reader.Options, f filter.Filter) {
	server := command.Get(v, connect.FromFlags)
	if f = command.Get(v, filter.FromFlags); server.DB >= 0 && f.DBs == nil {
		f.DBs = []int{server.DB}
	}
	log, retries := v.App.ErrWriter, progress.NewRetries() // of all connections
	return reader.Options{
		Addr: server.Addr, Username: server.Username, Password: server.Password, TLS: server.TLS,
		ReplyTimeout: v.Duration("timeout"), RetryFor: v.Duration("retry-for"),
		Retrying: func(err error, wait time.Duration) { retries.Say(log, err, wait) },
	}, f
}

// parseThreads reads --threads of all but dump and plan; 0: not given.
func parseThreads(v *command.Values) int {
	n := v.Context.Int("threads")
	v.Refuse(n < 0 || n > 1024, "--threads %d: it is between 1 and 1024", n)
	return n
}

// A source is what dump and plan are told of it, and how fast it is read.
type source struct {
	reader    reader.Options
	selection dump.Selection
	threads   int
}

func parseSource(v *command.Values) (o source) {
	o.threads = v.Context.Int("threads")
	v.Refuse(o.threads < 0, "--threads is negative")
	o.reader, o.selection.Filter = parseServer(v)
	o.reader.PageKeys = v.Int("page-keys", 1, 1<<20)
	o.reader.ReplyBytes = int(parseSize(v, "reply-size", 4<<10, 256<<20))
	o.reader.Scan = command.Choose[string](v, "scan")
	o.reader.NoStreams = command.Choose[string](v, "streams") == "off"
	v.Usage(o.reader.Check())
	return o
}

func parseSize(v *command.Values, name string, least, most uint64) int64 {
	n, err := humanize.ParseBytes(v.String(name))
	v.Refuse(err != nil || n < least || n > most, "--%s %q: it is a size from %s to %s, such as "+
		"1MiB", name, v.String(name), humanize.IBytes(least), humanize.IBytes(most))
	return int64(n)
}
