// Package writer writes the records of a dump into Apache Kvrocks, or Redis 7, with
// pipelined native commands.
//
// Open checks the options and opens the target; Loader.NewWorker gives a connection of its own, and
// Worker.Load writes every record of a Source over it, or resumes from a checkpoint.
// All commands of a key go in order over one connection, and every reply is read and held against
// what a fresh key must answer.
//
// The packages below it work on the same target: preflight looks at it before a load, readback
// reads and deletes keys, admin changes settings.
//
// The package never retries a command that a server may have run, starts no goroutine that outlives
// a call (the nodes of a cluster are written to at once), never leaves a key out without counting
// it and handing it to Job.Report, and never shows a password or a token.
package writer
