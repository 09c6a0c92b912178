// Package rewrite says what a key of a dump becomes on the target: its name, its expiry, or why it
// is left out.
//
//	rules, err := rewrite.Options{Conflict: rewrite.Suffix}.Rules(dump, filter)
//	name, leaveOut := rules.Rename(db, kind, key)
//
// Two keys of a dump never become one. The package never asks a server, and never writes anything.
package rewrite
