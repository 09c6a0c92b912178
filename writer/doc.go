// Package writer writes the records of a dump into Apache Kvrocks, or Redis 7, with
// pipelined native commands.
//
// Open checks the options, connects and finds out what the server is; Loader.NewWorker
// gives a connection of its own, and Worker.Load writes every record of a Source over it.
// All commands of a key go in order over one connection, and every reply is read and held
// against what a fresh key must answer.
//
// Loader.NewReader gives a connection that reads back: Reader.Read fills in what the target
// holds of pieces of keys, and Reader.Scan lists their names.
//
// The package never retries a command that a server may have run, starts no goroutine that outlives a call
// (the nodes of a cluster are written to at once), never leaves a key out without
// counting it and handing it to Options.Report, and never shows a password or a token.
package writer
