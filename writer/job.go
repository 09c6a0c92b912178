package writer

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A Job is a Source that is loaded from some point on, by Worker.Load.
type Job struct {
	// Source hands out the records behind From. It ends with the last part of a key.
	Source Source
	// From is where an earlier run was. Zero for the beginning.
	From checkpoint.Checkpoint
	// Sent is up to which record an earlier run may have sent some: keys that begin before are
	// written anew, whatever the target holds of them. Sending, if it is not nil, is told before
	// more may be sent, in steps. Only if it keeps that for good does a later run know. Both are
	// not for Skip, which has Asked.
	Sent    int64
	Sending func(sent int64) error
	// Began is when the first run began, Unix ms: keys whose expiry was over by then were never
	// sent. Zero is not known.
	Began int64
	// Reached is told of each new checkpoint, after each pipeline. Its error ends the load.
	Reached func(checkpoint.Checkpoint) error

	// Report, if it is not nil, is told of each key, or part of a key, that does not reach the
	// target. It belongs before the checkpoint that Reached is told next, whose Stats count it.
	Report func(LeftOut)

	// Asked, Existed and Found are for Skip. The target was asked by earlier runs whether it holds
	// the keys that begin before record Asked, but for those that begin with the records for which
	// Existed is true: it held them, or they were passed over and not asked about, so that no run
	// has sent any of them. Found is told of a new Asked, and of what is new in Existed, before any
	// of these keys is written. Only if it keeps that for good can a later run tell the keys that
	// this one wrote from those that were there before.
	Asked   int64
	Existed func(record int64) bool
	Found   func(asked int64, existed []int64) error
}

// A Source hands out records as a chunk holds them: the parts of a key together and in order. Next
// returns io.EOF at the end; what it returned before is not used after the next call.
type Source interface {
	Next() (*format.Record, error)
}

// Reasons of a LeftOut, beside those that Options.Rename gives.
const (
	// ReasonHyperLogLog: the target has no way to take it (HLLPolicy).
	ReasonHyperLogLog = "hyperloglog"
	// ReasonRefused: the target answered an error that concerns only this key, member
	// or entry, or would: it is above one of the target's limits.
	ReasonRefused = "refused"
	// ReasonExists: the target holds a key of that name (Skip).
	ReasonExists = "exists"
	// ReasonConflict is for Options.Rename: another type of the source has the name.
	ReasonConflict = "conflict"
)

// A LeftOut is a key, or part of a key, that is in the dump and not on the target.
// A key whose time is over, or too short, is none: Stats.Expired and Stats.Short count those.
type LeftOut struct {
	DB     int // database of the source
	Kind   format.Kind
	Key    []byte // the key as the dump has it; the receiver may keep it
	Reason string // one of the reasons above, or what Options.Rename gave

	// Member is what is missing when the rest of the key did reach the target: the member of a set
	// or zset, the field of a hash, the id of a stream's entry. Nil when the whole key is left out.
	Member []byte
	// Partial is set when the whole key is left out but some of it had been written
	// before, and is still there.
	Partial bool
	// Command is what was refused, without values: `ZADD "member"`. Empty when nothing was sent.
	Command string
	// Reply is the server's, or says which limit of the server is exceeded.
	Reply string
}
