// Package share says which part of divided work one of several processes does.
package share

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
)

// A Share is one of the parts into which a load or a dump is divided. The zero value is all of it.
type Share struct{ Index, Of int }

// IsAll reports whether it is all.
func (s Share) IsAll() bool { return s.Of == 0 }

// String returns it as --shard has it.
func (s Share) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// Max bounds how many shares there are.
const Max = 9999

// Variables by which schedulers say which of several equal tasks this one is.
const (
	KubernetesIndex = "JOB_COMPLETION_INDEX"
	SlurmIndex      = "SLURM_ARRAY_TASK_ID"
	SlurmFirst      = "SLURM_ARRAY_TASK_MIN"
	SlurmCount      = "SLURM_ARRAY_TASK_COUNT"
)

// Parse reads I/N, or which share this is from what schedulers say in the environment. Shares is how many there are, as
// said by what by names for people; 0: nothing said so yet. With neither text nor a scheduler it is all, unless shares is
// given.
func Parse(text string, shares int, by string, getenv func(string) string) (Share, error) {
	if text != "" {
		i, n, ok := strings.Cut(text, "/")
		index, err := strconv.Atoi(i)
		of, err2 := strconv.Atoi(n)
		if !ok || err != nil || err2 != nil || of < 1 || of > Max || index < 0 || index >= of {
			return Share{}, command.Usage("--shard %q: it is I/N, N shares of which this is number I, from 0 to N-1", text)
		}
		if shares != 0 && shares != of {
			return Share{}, command.Usage("--shard %s and %s of %d contradict each other", text, by, shares)
		}
		return Share{index, of}, nil
	}
	name, index, err := scheduled(getenv)
	if err != nil {
		return Share{}, err
	}
	if name == "" {
		if shares != 0 {
			return Share{}, command.Usage("%s is of %d, but neither --shard nor %s nor %s says which of the shares this is", by, shares, KubernetesIndex, SlurmIndex)
		}
		return Share{}, nil
	}
	if count := getenv(SlurmCount); shares == 0 && name == SlurmIndex && count != "" {
		if shares, err = strconv.Atoi(count); err != nil || shares < 1 || shares > Max {
			return Share{}, command.Usage("%s is %q: it is between 1 and %d", SlurmCount, count, Max)
		}
	}
	if shares == 0 {
		return Share{}, command.Usage("%s says that this is one of several tasks, but not of how many: give --shards N (KVLOAD_SHARDS), or --shard 0/1 to take all of the dump here", name)
	}
	if index >= shares {
		return Share{}, command.Usage("%s makes this share %d, but of %d shares the last is %d: there are as many tasks as shares, without gaps", name, index, shares, shares-1)
	}
	return Share{index, shares}, nil
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
	case getenv(KubernetesIndex) != "":
		name, index = KubernetesIndex, number(KubernetesIndex)
	case getenv(SlurmIndex) != "":
		name, index = SlurmIndex, number(SlurmIndex)
		if getenv(SlurmFirst) != "" {
			index -= number(SlurmFirst)
		}
		if index < 0 && err == nil {
			err = command.Usage("%s is below %s", SlurmIndex, SlurmFirst)
		}
	}
	return name, index, err
}
