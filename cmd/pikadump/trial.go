package main

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

// A trial says how little of the source is dumped, to try a migration out.
type trial struct {
	sample float64 // share of the keys; 0: all
	limit  int64   // keys per database and type; 0: all
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
		number, percent := strings.CutSuffix(s, "%")
		share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if percent {
			share /= 100
		}
		if err != nil || !(share > 0 && share <= 1) {
			return command.Usage("--sample %q: it is a share of the keys, such as 1%%", s)
		}
		t.sample = share
	}
	if t.limit = c.Int64("limit-keys"); t.limit < 0 {
		return command.Usage("--limit-keys %d is negative", t.limit)
	}
	return nil
}

// all reports whether the dump is no trial.
func (t *trial) all() bool { return t.sample == 0 && t.limit == 0 }

// keep returns what reports whether a key that others (nil: none) want is in the sample.
func (t *trial) keep(others func([]byte) bool) func([]byte) bool {
	if t.sample == 0 {
		return others
	}
	return func(key []byte) bool { return inSample(key, t.sample) && (others == nil || others(key)) }
}

// inSample takes a key by the hash of its name alone: the same keys in every run, of every type
// and from every source.
func inSample(key []byte, share float64) bool {
	sum := sha256.Sum256(key)
	const bits = 53 // as many as a float64 holds exactly
	return float64(binary.BigEndian.Uint64(sum[:])>>(64-bits)) < share*(1<<bits)
}
