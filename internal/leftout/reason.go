package leftout

import "github.com/pika2kvrocks/pika2kvrocks/writer"

// Reasons for which a key, or a part of one, is in the dump and not on the target. Those of the
// writer are told by the target.
const (
	Conflict    = writer.ReasonConflict
	HyperLogLog = writer.ReasonHyperLogLog
	Refused     = writer.ReasonRefused
	Exists      = writer.ReasonExists
	// Prefix is of keys whose names do not begin with --key-prefix-strip.
	Prefix = "prefix"
	// Changed is of keys that a rollback leaves, because others have written to them.
	Changed = "changed"
	// Older is of keys that a rollback leaves, because the load may not have come to them.
	Older = "older"
)
