// Package load loads a dump into a target.
//
// Transfer loads the units of a feed over several connections, with a journal that lets a later run
// resume it, and retries transient errors:
//
//	err := load.Transfer(ctx, load.TransferOptions{Feed: feed, Target: l, Journal: j, Workers: 8, ...})
//
// It never decides whether a target may be loaded: the caller has checked it, and has begun the
// journal.
package load
