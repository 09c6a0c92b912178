// Package loadstate keeps what the runs of a load know of each other: where the journal of a load
// is, whether the next run begins a load, resumes it or has nothing to do, and what the shards of a
// load have in common.
//
//	status, err := loadstate.Location{Dump: dir, ID: id, Target: addr}.Status(ctx, nil)
//
// It never writes to a target, and never reads a dump.
package loadstate
