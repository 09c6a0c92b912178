// Package shard says which part of divided work one of several processes does: I/N.
//
//	s, err := shard.Parse(text, shards, "--shards", os.Getenv)
//	if !s.IsAll() { … }
//
// It never divides anything itself.
package shard

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// A Shard is one of the parts into which a load or a dump is divided. The zero value is all of it.
type Shard struct{ Index, Of int }

// IsAll reports whether it is all.
func (s Shard) IsAll() bool { return s.Of == 0 }

// String returns it as --shard has it.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Max bounds how many shards there are.
const Max = 9999

// Variables by which schedulers say which of several equal tasks this one is.
const (
	KubernetesIndex = "JOB_COMPLETION_INDEX"
	SlurmIndex      = "SLURM_ARRAY_TASK_ID"
	SlurmFirst      = "SLURM_ARRAY_TASK_MIN"
	SlurmCount      = "SLURM_ARRAY_TASK_COUNT"
)

// Parse reads I/N, or which shard this is from what schedulers say in the environment. Shards is
// how many there are, as said by what by names for people; 0: nothing said so yet. With neither
// text nor a scheduler it is all, unless shards is given.
func Parse(text string, shards int, by string, getenv func(string) string) (Shard, error) {
	if text != "" {
		i, n, ok := strings.Cut(text, "/")
		index, err := strconv.Atoi(i)
		of, err2 := strconv.Atoi(n)
		if !ok || err != nil || err2 != nil || of < 1 || of > Max || index < 0 || index >= of {
			return Shard{}, exitcode.Usagef("--shard %q: it is I/N, N shards of which this is number I, from 0 to N-1", text)
		}
		if shards != 0 && shards != of {
			return Shard{}, exitcode.Usagef("--shard %s and %s of %d contradict each other", text, by, shards)
		}
		return Shard{index, of}, nil
	}
	name, index, err := scheduled(getenv)
	if err != nil {
		return Shard{}, err
	}
	if name == "" {
		if shards != 0 {
			return Shard{}, exitcode.Usagef("%s is of %d, but neither --shard nor %s nor %s says which of the shards this is", by, shards, KubernetesIndex, SlurmIndex)
		}
		return Shard{}, nil
	}
	if count := getenv(SlurmCount); shards == 0 && name == SlurmIndex && count != "" {
		if shards, err = strconv.Atoi(count); err != nil || shards < 1 || shards > Max {
			return Shard{}, exitcode.Usagef("%s is %q: it is between 1 and %d", SlurmCount, count, Max)
		}
	}
	if shards == 0 {
		return Shard{}, exitcode.Usagef("%s says that this is one of several tasks, but not of how many: give --shards N (KVLOAD_SHARDS), or --shard 0/1 to take all of the dump here", name)
	}
	if index >= shards {
		return Shard{}, exitcode.Usagef("%s makes this shard %d, but of %d shards the last is %d: there are as many tasks as shards, without gaps", name, index, shards, shards-1)
	}
	return Shard{index, shards}, nil
}

// scheduled returns which task this is, from 0 on, and the variable that says so; empty: none does.
func scheduled(getenv func(string) string) (name string, index int, err error) {
	number := func(name string) int {
		n, bad := strconv.Atoi(getenv(name))
		if (bad != nil || n < 0) && err == nil {
			err = exitcode.Usagef("%s is %q, which is not the number of a task", name, getenv(name))
		}
		return n
	}
	switch {
	case getenv(KubernetesIndex) != "":
		name, index = KubernetesIndex, number(KubernetesIndex)
	case getenv(SlurmIndex) != "":
		name, index = SlurmIndex, number(SlurmIndex)
		if getenv(SlurmFirst) != "" {
			index -= number(SlurmFirst)
		}
		if index < 0 && err == nil {
			err = exitcode.Usagef("%s is below %s", SlurmIndex, SlurmFirst)
		}
	}
	return name, index, err
}
