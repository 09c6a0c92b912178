package command

import (
	"cmp"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
)

func logFlags() []cli.Flag {
	return []cli.Flag{
		Text("log-file", Monitoring, "append a record of every message to `FILE`, beside what "+
			"stderr shows"),
		&cli.StringFlag{Name: "log-format", Value: "text", Category: Monitoring,
			Usage: "`text|json` records as logfmt or JSON, one a line; without --log-file they " +
				"take the place of the messages on stderr"},
		&cli.StringFlag{Name: "log-level", Value: "info", Category: Monitoring,
			Usage: "`info|warn|error` least level of a record"},
		Bool("log-keys", Monitoring, "leave names of keys, and whatever else a message quotes, "+
			"in the records"),
	}
}

// record has records made of the messages, if the flags say so.
func record(log *logging.Log, c *cli.Context) error {
	o := logging.Options{Tool: c.App.Name, Command: c.Command.Name, File: c.String("log-file"), Keys: c.Bool("log-keys")}
	format, err := choice(c, "log-format")
	level, lerr := choice(c, "log-level")
	if err := cmp.Or(err, lerr, o.Level.UnmarshalText([]byte(level))); err != nil {
		return err
	}
	o.JSON = format == "json"
	switch wanted := o.File != "" || c.IsSet("log-format"); {
	case !wanted && (o.Keys || c.IsSet("log-level")):
		return exitcode.Usagef("--log-level and --log-keys are for records: ask for these with " +
			"--log-file FILE or --log-format json")
	case !wanted:
		return nil
	case o.File == "" && c.Bool("askpass"):
		return exitcode.Usagef("--askpass asks on stderr, where --log-format puts records: add " +
			"--log-file FILE, or give --password-file")
	}
	if err := log.Record(o); err != nil {
		return exitcode.Usagef("--log-file: %w", err)
	}
	return nil
}
