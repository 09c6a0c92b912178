// Package verifytarget compares a target with the dump that was loaded into it.
//
//	err := verifytarget.Run(ctx, verifytarget.Options{Spec: spec, Rounds: 2}, out, log)
//
// It only reads. What a load has left out, by its rules or by its list, is explained and is no
// difference.
package verifytarget
