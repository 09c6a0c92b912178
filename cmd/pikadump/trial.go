package main

import (
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// A trial says how little of the source is dumped, to try a migration out.
type trial struct {
	sample *sample.Sample // nil: all keys
	limit  int64          // keys per database and type; 0: all
}

func trialFlags(env func(string) []string) []cli.Flag {
	const category = "What"
	return []cli.Flag{
		&cli.StringFlag{Name: "sample", Usage: "only a share of the keys, as `1%`, for a trial: the same ones in every run", EnvVars: env("sample"), Category: category},
		&cli.Int64Flag{Name: "limit-keys", DefaultText: "no limit", Usage: "only the first `N` keys of each database and type, for a trial", EnvVars: env("limit-keys"), Category: category},
	}
}

func (t *trial) parse(c *cli.Context) error {
	if s := c.String("sample"); s != "" {
		var err error
		if t.sample, err = sample.Parse(s); err != nil {
			return command.Usage("--sample %w", err)
		}
	}
	if t.limit = c.Int64("limit-keys"); t.limit < 0 {
		return command.Usage("--limit-keys %d is negative", t.limit)
	}
	return nil
}

// all reports whether the dump is no trial.
func (t *trial) all() bool { return t.sample == nil && t.limit == 0 }

// keep returns what reports whether a key that others (nil: none) want is in the sample.
func (t *trial) keep(others func([]byte) bool) func([]byte) bool {
	if t.sample == nil {
		return others
	}
	return func(key []byte) bool { return t.sample.Holds(key) && (others == nil || others(key)) }
}
