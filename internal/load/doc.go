// Package load loads a dump into a target.
//
// Run is the whole load: it opens the dump, looks at everything that can stop the load, opens the
// state that earlier runs have left, loads, and says how it ended. Finish ends a load in shards.
//
//	err := load.Run(ctx, load.Options{Spec: load.Spec{Dump: dir, Target: target, Workers: 8}}, out, log)
//
// Transfer is the part that sends, for those who have a journal and a target already: it loads the
// units of a feed over several connections, and retries transient errors.
//
//	err := load.Transfer(ctx, load.TransferOptions{Feed: feed, Target: l, Journal: j, Workers: 8})
//
// It never writes to a target that has not passed the preflight, sends a record without the journal
// knowing it, or resumes a load that is not the one given.
package load
