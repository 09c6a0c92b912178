package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/share"
)

// shareName is the name of a share's directory below --state.
func shareName(s share.Share) string { return fmt.Sprintf("shard-%04d-of-%04d", s.Index, s.Of) }

// shareFlags are the flags by which a share is chosen.
func shareFlags(env func(string) []string) []cli.Flag {
	const many = "Many machines"
	return []cli.Flag{
		&cli.StringFlag{Name: "shard", Usage: "only the share `I/N` of the dump, I from 0 to N-1 (0/1: all of it); all shares have the same --state", EnvVars: env("shard"), Category: many},
		&cli.IntFlag{Name: "shards", Usage: "only one of `N` shares, which the scheduler names: " + share.KubernetesIndex + " (Kubernetes) or " + share.SlurmIndex + " (Slurm, N also from " + share.SlurmCount + ")", EnvVars: env("shards"), Category: many},
	}
}

// shareFromFlags reads --shard and --shards, and what schedulers say in the environment.
func shareFromFlags(c *cli.Context, getenv func(string) string) (share.Share, error) {
	return parseShare(c.String("shard"), c.Int("shards"), c.IsSet("shards"), getenv)
}

func parseShare(text string, shards int, isSet bool, getenv func(string) string) (share.Share, error) {
	if isSet && (shards < 1 || shards > share.Max) {
		return share.Share{}, command.Usage("--shards %d: it is between 1 and %d", shards, share.Max)
	}
	return share.Parse(text, shards, "--shards (KVLOAD_SHARDS)", getenv)
}

// take returns the units of the share: the largest first, each goes to the share that has the fewest bytes so
// far. It depends on nothing but the units.
func take(s share.Share, units []archive.Unit) []archive.Unit {
	if s.IsAll() {
		return units
	}
	sorted := slices.Clone(units)
	slices.SortFunc(sorted, func(x, y archive.Unit) int {
		return cmp.Or(cmp.Compare(y.Stored(), x.Stored()), cmp.Compare(x[0].Name, y[0].Name))
	})
	var own []archive.Unit
	bytes := make([]int64, s.Of)
	for _, u := range sorted {
		least := 0
		for i := range bytes {
			if bytes[i] < bytes[least] {
				least = i
			}
		}
		bytes[least] += u.Stored()
		if least == s.Index {
			own = append(own, u)
		}
	}
	return own
}

// stored returns the bytes of the units' files.
func stored(units []archive.Unit) (n int64) {
	for _, u := range units {
		n += u.Stored()
	}
	return n
}
