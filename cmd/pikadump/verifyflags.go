package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/connect"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// verifyOptions is what pikadump verify is told to do.
type verifyOptions struct {
	server   connect.Server
	filter   filter.Filter
	in       string
	threads  int
	report   string
	keysOnly bool
	sample   *sample.Sample
	rounds   int
	reader   reader.Options
	quiet    bool
	keys     encryption.Keys
}

const verifyDescription = `Reads every key of a dump at the source again and tells what has changed there since: missing, type,
value, missing elements, extra elements, expiry differs; exit code 4. Keys that have expired since are shown, but are no
differences. Keys that are new at the source are not looked for: dump again for those. The source is only read, never
written.

EXAMPLES:
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika
   pikadump verify --uri redis://10.0.0.5:9221 --in /backup/pika --sample 1% --report changed.jsonl`

func verifyCommand() *cli.Command {
	env := command.Env("PIKADUMP")
	const what, how = "What", "How"
	flags := slices.Concat(
		[]cli.Flag{
			&cli.StringFlag{Name: "in", Aliases: []string{"i"}, Usage: "compare with the dump in `DIR`, a directory or the URL of a prefix in a bucket", EnvVars: env("in")},
			&cli.StringFlag{Name: "report", Usage: "list what differs, and what is explained, as JSON lines in `FILE`", EnvVars: env("report")},
		},
		connect.Flags(9221, env),
		filter.Flags(env),
		[]cli.Flag{
			&cli.StringFlag{Name: "sample", Usage: "only this share of the keys, as 1%: chosen by their names, the same each time", EnvVars: env("sample"), Category: what},
			&cli.BoolFlag{Name: "keys-only", Usage: "compare type, length and expiry, not the elements; the source is read all the same", EnvVars: env("keys-only"), Category: how},
			&cli.IntFlag{Name: "rounds", Value: 2, Usage: "readings: each behind the first reads again what differed in the one before", EnvVars: env("rounds"), Category: how},
			&cli.IntFlag{Name: "threads", Aliases: []string{"j"}, Usage: "connections that read at once (default: up to 6, at most half the server's thread-pool-size)", EnvVars: env("threads"), Category: how, DefaultText: "auto"},
			&cli.DurationFlag{Name: "timeout", DefaultText: "90s", Usage: "longest wait for a reply", EnvVars: env("timeout"), Category: how},
			retryFlag(env),
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress", EnvVars: env("quiet")},
			encryption.IdentityFlag(env),
		},
	)
	return &cli.Command{
		Name: "verify", Usage: "tell what has changed at the source since a dump",
		UsageText: "pikadump verify --uri redis://HOST:9221 --in DIR [options]", Description: verifyDescription,
		Flags: flags,
		Action: func(c *cli.Context) error {
			o, err := parseVerify(c)
			if err != nil {
				return err
			}
			return verifySource(c.Context, &o, c.App.Writer, c.App.ErrWriter)
		},
	}
}

func parseVerify(c *cli.Context) (verifyOptions, error) {
	o := verifyOptions{
		in: c.String("in"), threads: c.Int("threads"), report: c.String("report"), keysOnly: c.Bool("keys-only"),
		rounds: c.Int("rounds"), quiet: c.Bool("quiet"),
	}
	switch {
	case c.Args().Present():
		return o, command.Usage("%q is not a flag: the dump is given with --in", c.Args().First())
	case o.in == "":
		return o, command.Usage("--in is missing: it names the directory of the dump")
	case o.threads < 0 || o.threads > 1024:
		return o, command.Usage("--threads %d: it is between 1 and 1024", o.threads)
	case o.rounds < 1 || o.rounds > 100:
		return o, command.Usage("--rounds %d: it is between 1 and 100", o.rounds)
	case c.Duration("timeout") < 0:
		return o, command.Usage("--timeout %v is negative", c.Duration("timeout"))
	}
	err := storage.Check(o.in)
	if err != nil {
		return o, command.Usage("--in: %w", err)
	}
	if o.server, err = connect.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if o.filter, err = filter.FromFlags(c); err != nil {
		return o, err
	}
	if o.server.DB >= 0 && o.filter.DBs == nil {
		o.filter.DBs = []int{o.server.DB}
	}
	if o.keys, err = encryption.FromFlags(c); err != nil {
		return o, &command.UsageError{Err: err}
	}
	if s := c.String("sample"); s != "" {
		if o.sample, err = sample.Parse(s); err != nil {
			return o, command.Usage("--sample: %w", err)
		}
	}
	o.reader = reader.Options{
		Addr: o.server.Addr, Username: o.server.Username, Password: o.server.Password, TLS: o.server.TLS,
		ReplyTimeout: c.Duration("timeout"),
	}
	if err := parseRetry(c, &o.reader); err != nil {
		return o, err
	}
	if err := o.reader.Check(); err != nil {
		return o, &command.UsageError{Err: err}
	}
	return o, nil
}
