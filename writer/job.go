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
