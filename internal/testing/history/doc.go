// Package history tests the promises of both tools under histories drawn from a seed: a source that
// changes between two commands of pikadump, a target at which others write between two commands of
// kvload, connections that break, or whose server runs later what the client has given up, runs
// that are killed and resumed. Each history keeps its own account of what happened to every key,
// and holds the dump, the target and the reports against it.
//
// HISTORIES is how many histories are run (50); HISTORY_SEED=n replays one, and tells what happened
// in it. There is no code here but tests.
package history
