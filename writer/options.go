package writer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// OnExists says what becomes of a key that the target already holds. Fail is done in reply.go,
// Skip in exists.go, Replace in queue.go.
type OnExists int

// The ways to treat a key that the target already holds.
const (
	// Fail writes as to fresh keys: the caller has seen that the target is empty. A collection
	// that turns out not to be fresh stops the load.
	Fail OnExists = iota
	// Skip leaves the target's key as it is and reports ReasonExists. It asks EXISTS
	// before each pipeline: a key that somebody creates in between is not protected.
	Skip
	// Replace deletes the target's key, or overwrites it, with the first command.
	Replace
)

var onExistsNames = [...]string{Fail: "fail", Skip: "skip", Replace: "replace"}

func (e OnExists) String() string {
	if e < 0 || int(e) >= len(onExistsNames) {
		return fmt.Sprintf("OnExists(%d)", int(e))
	}
	return onExistsNames[e]
}

// ParseOnExists returns the OnExists called s.
func ParseOnExists(s string) (OnExists, error) {
	if i := slices.Index(onExistsNames[:], s); i >= 0 {
		return OnExists(i), nil
	}
	return 0, fmt.Errorf("unknown way to treat existing keys %q: it is fail, skip or replace", s)
}

// Options are checked once, by Open.
type Options struct {
	// Target says how to reach what is loaded.
	Target target.Options

	// BatchBytes and BatchCommands bound one pipeline. 64 KiB and 512 when zero.
	// A single command that is larger travels alone.
	BatchBytes    int
	BatchCommands int
	// BatchKeys is how many keys may begin in one pipeline; zero sets no bound.
	BatchKeys int
	// CommandBytes and CommandElements bound one command of a collection. 512 KiB and
	// 512 when zero. A single element that is larger travels alone.
	CommandBytes    int
	CommandElements int
	// JoinBytes is how much of a string in parts goes into one SET or APPEND, 8 MiB when
	// zero: a Kvrocks rewrites the whole value for every APPEND (SERVERS.md K7).
	JoinBytes int

	// RawBytes is the size of a raw batch, 512 KiB at most and when zero. Loader.WriteRaw turns
	// them on.
	RawBytes int

	OnExists    OnExists
	HyperLogLog HLLPolicy

	// Rename is asked once for each key that would be written, and returns the name to write it
	// under (nil: unchanged) and, if it must be left out, the reason. Two keys must not get one
	// name. It is called by every worker: it must be safe for concurrent use. Nil changes no name.
	Rename func(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string)

	// Expire is asked for the expiry of each key, Unix ms, 0 for never, and returns the one to give
	// it, and whether the key is left out for its short life: Stats.Short counts those. It must
	// answer the same whenever it is asked. It is called by every worker: it must be safe for
	// concurrent use. Nil changes no expiry.
	Expire func(expire int64) (newExpire int64, short bool)

	// Pacer slows the load down. Nil does not.
	Pacer Pacer
}

// Limits of Options.
const (
	maxRawBytes = 512 << 10
	// maxCommandElems keeps a command of pairs below maxArguments.
	maxCommandElems = 500_000
	// maxArguments is the most arguments that Kvrocks takes (SERVERS.md K4).
	maxArguments = 1 << 20
)

// checked returns o with its defaults filled in.
func (o Options) checked() (Options, error) {
	if int(o.OnExists) < 0 || int(o.OnExists) >= len(onExistsNames) {
		return o, fmt.Errorf("unknown %s", o.OnExists)
	}
	if int(o.HyperLogLog) < 0 || int(o.HyperLogLog) >= len(hllPolicyNames) {
		return o, fmt.Errorf("unknown %s", o.HyperLogLog)
	}
	if o.BatchKeys < 0 {
		return o, fmt.Errorf("BatchKeys of %d", o.BatchKeys)
	}
	for _, size := range []struct {
		name  string
		value *int
		zero  int
		most  int
	}{
		{"BatchBytes", &o.BatchBytes, 64 << 10, 1 << 30},
		{"BatchCommands", &o.BatchCommands, 512, 1 << 20},
		{"CommandBytes", &o.CommandBytes, 512 << 10, 1 << 30},
		{"CommandElements", &o.CommandElements, 512, maxCommandElems},
		{"JoinBytes", &o.JoinBytes, 8 << 20, 1 << 29},
		{"RawBytes", &o.RawBytes, maxRawBytes, maxRawBytes},
	} {
		*size.value = cmp.Or(*size.value, size.zero)
		if *size.value < 1 || *size.value > size.most {
			return o, fmt.Errorf("%s of %d: it must be 1 to %d", size.name, *size.value, size.most)
		}
	}
	return o, nil
}

// A Pacer slows a load down. It is called by every worker: it must be safe for concurrent use.
type Pacer interface {
	// Rest is told of a pipeline whose replies were read, and returns when the next of this worker
	// may go. An error ends the load.
	Rest(ctx context.Context, p Pipeline) error
}

// A Pipeline is what one brought.
type Pipeline struct {
	Commands int
	Keys     int // that were begun
	Elements int // fields, members, elements, entries; a string is one
	Bytes    int // of keys, fields, values, members and elements
	Took     time.Duration
}
