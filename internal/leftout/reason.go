// Package leftout keeps the list of what a load, or a rollback, has left out: the keys, and members
// of keys, that are in the dump and not on the target, each with its reason.
//
//	report := &leftout.Report{Path: path}   // report.Add(unit, l) for each, report.Close()
//	list, err := leftout.ReadList(file)     // list.Holds(db, kind, key, nil)
//
// It never decides what is left out.
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
