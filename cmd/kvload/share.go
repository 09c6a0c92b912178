package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

// A share is one of the parts into which a load is divided. The zero value is all of it.
type share struct{ index, of int }

func (s share) isAll() bool    { return s.of == 0 }
func (s share) String() string { return fmt.Sprintf("%d/%d", s.index, s.of) }

// name is that of its directory below --state.
func (s share) name() string { return fmt.Sprintf("shard-%04d-of-%04d", s.index, s.of) }

// maxShares bounds how many shares there are.
const maxShares = 9999

// Variables by which schedulers say which of several equal tasks this one is.
const (
	kubernetesIndex = "JOB_COMPLETION_INDEX"
	slurmIndex      = "SLURM_ARRAY_TASK_ID"
	slurmFirst      = "SLURM_ARRAY_TASK_MIN"
	slurmCount      = "SLURM_ARRAY_TASK_COUNT"
)

// shareFlags are the flags by which a share is chosen.
func shareFlags(env func(string) []string) []cli.Flag {
	const many = "Many machines"
	return []cli.Flag{
		&cli.StringFlag{Name: "shard", Usage: "only the share `I/N` of the dump, I from 0 to N-1 (0/1: all of it); all shares have the same --state", EnvVars: env("shard"), Category: many},
		&cli.IntFlag{Name: "shards", Usage: "only one of `N` shares, which the scheduler names: " + kubernetesIndex + " (Kubernetes) or " + slurmIndex + " (Slurm, N also from " + slurmCount + ")", EnvVars: env("shards"), Category: many},
	}
}

// shareFromFlags reads --shard and --shards, and what schedulers say in the environment.
func shareFromFlags(c *cli.Context, getenv func(string) string) (share, error) {
	return parseShare(c.String("shard"), c.Int("shards"), c.IsSet("shards"), getenv)
}

func parseShare(text string, shards int, isSet bool, getenv func(string) string) (share, error) {
	if isSet && (shards < 1 || shards > maxShares) {
		return share{}, command.Usage("--shards %d: it is between 1 and %d", shards, maxShares)
	}
	if text != "" {
		i, n, ok := strings.Cut(text, "/")
		index, err := strconv.Atoi(i)
		of, err2 := strconv.Atoi(n)
		if !ok || err != nil || err2 != nil || of < 1 || of > maxShares || index < 0 || index >= of {
			return share{}, command.Usage("--shard %q: it is I/N, N shares of which this is number I, from 0 to N-1", text)
		}
		if isSet && shards != of {
			return share{}, command.Usage("--shard %s and --shards %d (KVLOAD_SHARDS) contradict each other", text, shards)
		}
		return share{index, of}, nil
	}
	name, index, err := scheduled(getenv)
	if err != nil {
		return share{}, err
	}
	if name == "" {
		if isSet {
			return share{}, command.Usage("--shards (KVLOAD_SHARDS) is %d, but neither --shard nor %s nor %s says which of the shares this is", shards, kubernetesIndex, slurmIndex)
		}
		return share{}, nil
	}
	if count := getenv(slurmCount); !isSet && name == slurmIndex && count != "" {
		if shards, err = strconv.Atoi(count); err != nil || shards < 1 || shards > maxShares {
			return share{}, command.Usage("%s is %q: it is between 1 and %d", slurmCount, count, maxShares)
		}
		isSet = true
	}
	if !isSet {
		return share{}, command.Usage("%s says that this is one of several tasks, but not of how many: give --shards N (KVLOAD_SHARDS), or --shard 0/1 to take all of the dump here", name)
	}
	if index >= shards {
		return share{}, command.Usage("%s makes this share %d, but of %d shares the last is %d: there are as many tasks as shares, without gaps", name, index, shards, shards-1)
	}
	return share{index, shards}, nil
}

// scheduled returns which task this is, from 0 on, and the variable that says so; empty: none does.
func scheduled(getenv func(string) string) (name string, index int, err error) {
	number := func(name string) int {
		n, bad := strconv.Atoi(getenv(name))
		if (bad != nil || n < 0) && err == nil {
			err = command.Usage("%s is %q, which is not the number of a task", name, getenv(name))
		}
		return n
	}
	switch {
	case getenv(kubernetesIndex) != "":
		name, index = kubernetesIndex, number(kubernetesIndex)
	case getenv(slurmIndex) != "":
		name, index = slurmIndex, number(slurmIndex)
		if getenv(slurmFirst) != "" {
			index -= number(slurmFirst)
		}
		if index < 0 && err == nil {
			err = command.Usage("%s is below %s", slurmIndex, slurmFirst)
		}
	}
	return name, index, err
}

// take returns the units of the share: the largest first, each goes to the share that has the fewest bytes so
// far. It depends on nothing but the units.
func (s share) take(units []archive.Unit) []archive.Unit {
	if s.isAll() {
		return units
	}
	sorted := slices.Clone(units)
	slices.SortFunc(sorted, func(x, y archive.Unit) int {
		return cmp.Or(cmp.Compare(y.Stored(), x.Stored()), cmp.Compare(x[0].Name, y[0].Name))
	})
	var own []archive.Unit
	bytes := make([]int64, s.of)
	for _, u := range sorted {
		least := 0
		for i := range bytes {
			if bytes[i] < bytes[least] {
				least = i
			}
		}
		bytes[least] += u.Stored()
		if least == s.index {
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
