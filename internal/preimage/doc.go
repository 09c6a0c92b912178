// Package preimage saves the keys of a target that a load will overwrite, as a dump, before the
// load begins.
//
//	keys, err := preimage.Save(ctx, preimage.Options{Dump: a, Target: l, Rules: rules, To: "undo", Workers: 8, ...})
//
// It never writes to the target, and never adds to a dump that is there: Refusal says why.
package preimage
