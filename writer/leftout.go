package writer

import "github.com/pika2kvrocks/pika2kvrocks/format"

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
