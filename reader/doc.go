// Package reader reads a live Pika, 2.x to 4.0.x, into records.
//
// [Open] connects, identifies the server and proves that the account can read what a dump needs.
// [Scanner.Scan] then makes one pass: it hands a [Sink] every key of one type in one database, in
// byte order, each with its value and absolute expiry. Passes are independent: any number may run
// at once, each on a connection of its own. A source that lists keys by SCAN alone is read by
// [Scanner.ScanCursor] instead, all types in one walk.
//
// What a pass promises while the source is being written to: a key that exists during the whole
// pass is handed over exactly once, with a value that it had at some moment of the pass, or is
// reported with the reason. A collection that is read in pieces is of several moments.
// docs/SERVERS.md holds the facts about Pika that this rests on.
//
// The package never writes to the source and keeps in memory no more than a few
// replies, whose size Options bounds.
package reader
