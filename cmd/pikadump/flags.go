package main

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// speed is the category of flags that make no difference to what is dumped.
const speed = "Speed and size"

// sourceFlags returns the flags that dump and plan share.
func sourceFlags() []cli.Flag {
	return slices.Concat(connect.Flags(9221), filter.Flags(), listingFlags(), []cli.Flag{
		threadsFlag("types read at once, each on a connection of its own (default: half the server's thread-pool-size; dump: up to 6 while PING is quick)"),
		&cli.IntFlag{Name: "page-keys", Value: 256, Usage: "maximum number of keys in one page", Category: speed},
		&cli.StringFlag{Name: "reply-size", Value: "1MiB", Usage: "target `SIZE` of one reply; at four times that it is given up, and less is asked for", Category: speed},
		timeoutFlag(),
		retryFlag(),
		levelFlag(),
	})
}

// listingFlags say how keys and streams are listed.
func listingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "scan", Value: reader.ScanAuto, Usage: "`auto|range|scan` how keys are listed: range by PKSCANRANGE and SCANX (3.0.3 and newer); scan by SCAN (one thread, cannot be resumed, and only while no other client scans)", Category: speed},
		&cli.StringFlag{Name: "streams", Value: "auto", Usage: "`auto|off` off: no streams, which Pika 4.0 can only list by walking over all keys", Category: "Which keys"},
	}
}

// parseListing reads the flags of listingFlags.
func parseListing(c *cli.Context, o *reader.Options) error {
	switch o.Scan = c.String("scan"); o.Scan {
	case reader.ScanAuto, reader.ScanRange, reader.ScanScan:
	default:
		return exitcode.Usagef("--scan %q: it is auto, range or scan", o.Scan)
	}
	switch streams := c.String("streams"); streams {
	case "auto":
	case "off":
		o.NoStreams = true
	default:
		return exitcode.Usagef("--streams %q: it is auto or off", streams)
	}
	return nil
}

func threadsFlag(usage string) cli.Flag {
	return &cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Usage: usage, Category: speed}
}

func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{Name: "timeout", DefaultText: "90s", Usage: "longest wait for a reply", Category: speed}
}

func levelFlag() cli.Flag {
	return &cli.StringFlag{Name: "level", Value: "fastest", Usage: "`fastest|default|better` compression", Category: speed}
}

func parseLevel(c *cli.Context) (format.Level, error) {
	switch level := c.String("level"); level {
	case "fastest":
		return format.Fastest, nil
	case "default":
		return format.Default, nil
	case "better":
		return format.Better, nil
	default:
		return 0, exitcode.Usagef("--level %q: it is fastest, default or better", level)
	}
}

// retryFlag is the same for all that reads a source.
func retryFlag() cli.Flag {
	return &cli.DurationFlag{Name: "retry-for", Value: 5 * time.Minute, Usage: "retry transient errors; give up after this long without progress; 0: no retries", Category: "Resume and retry"}
}

// cacheFlag is the same for all that reads a source. After a crash another run sets back.
func cacheFlag(another string) cli.Flag {
	return &cli.BoolFlag{
		Name: "source-cache-off", Category: speed,
		Usage: "set the source's cache-model to 0 for the run, and restore it at the end (after a crash: at the end of " + another + ")",
	}
}

// cacheSwitch reads the flag of a command that has no dump to write to.
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
func parseServer(c *cli.Context) (o reader.Options, f filter.Filter, err error) {
	server, err := connect.FromFlags(c)
	if err != nil {
		return o, f, &exitcode.UsageError{Err: err}
	}
	if f, err = filter.FromFlags(c); err != nil {
		return o, f, err
	}
	if server.DB >= 0 && f.DBs == nil {
		f.DBs = []int{server.DB}
	}
	o = reader.Options{
		Addr: server.Addr, Username: server.Username, Password: server.Password, TLS: server.TLS,
		ReplyTimeout: c.Duration("timeout"), RetryFor: c.Duration("retry-for"),
	}
	switch {
	case o.ReplyTimeout < 0:
		return o, f, exitcode.Usagef("--timeout %v is negative", o.ReplyTimeout)
	case o.RetryFor < 0:
		return o, f, exitcode.Usagef("--retry-for %v is negative", o.RetryFor)
	}
	log, retries := c.App.ErrWriter, progress.NewRetries() // of all connections
	o.Retrying = func(err error, wait time.Duration) { retries.Say(log, err, wait) }
	return o, f, nil
}

// A source is what dump and plan are told of it, and how fast it is read.
type source struct {
	reader    reader.Options
	selection dump.Selection
	threads   int
	level     format.Level
}

func parseSource(c *cli.Context) (o source, err error) {
	if o.threads = c.Int("threads"); o.threads < 0 {
		return o, exitcode.Usagef("--threads is negative")
	}
	if o.reader, o.selection.Filter, err = parseServer(c); err != nil {
		return o, err
	}
	if n := c.Int("page-keys"); n < 1 || n > 1<<20 {
		return o, exitcode.Usagef("--page-keys %d: it is between 1 and %d", n, 1<<20)
	}
	reply, err := parseSize(c, "reply-size", 4<<10, 256<<20)
	if err != nil {
		return o, err
	}
	o.reader.PageKeys, o.reader.ReplyBytes = c.Int("page-keys"), int(reply)
	if o.level, err = parseLevel(c); err != nil {
		return o, err
	}
	if err := parseListing(c, &o.reader); err != nil {
		return o, err
	}
	if err := o.reader.Check(); err != nil {
		return o, &exitcode.UsageError{Err: err}
	}
	return o, nil
}

func parseSize(c *cli.Context, name string, least, most uint64) (int64, error) {
	n, err := humanize.ParseBytes(c.String(name))
	if err != nil || n < least || n > most {
		return 0, exitcode.Usagef("--%s %q: it is a size from %s to %s, such as 1MiB", name, c.String(name), humanize.IBytes(least), humanize.IBytes(most))
	}
	return int64(n), nil
}
