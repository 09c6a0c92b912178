// Package rollback undoes a load: it removes the keys that the load wrote, and puts back those that
// package preimage saved before.
//
//	err := rollback.Run(ctx, rollback.Options{Spec: spec}, log)
//	err := rollback.Clear(ctx, rollback.Options{Spec: spec}, log) // of a target that was empty
//
// It never removes a key that is not as the load left it, unless Force is set, and never one of a
// part of the dump that the load has not begun.
package rollback
