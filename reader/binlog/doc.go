// Package binlog follows the binlog of a live Pika, 3.4 to 4.0.x, as a replica does, and says which
// names were written.
//
// [Dial] logs in at the replication port and takes up each database at a position.
// [Session.Next] then returns one item after the other: the command, and the names that it may
// have changed. Values are passed over, as what a binlog says of them is not always right
// (docs/SERVERS.md P19): read them from the source.
//
// A session never writes to the source and never asks it for a full copy. It guesses no names: a
// command that is not in its table, or that names no keys, ends it with an error of a type of its
// own. It does not connect again: [Session.Positions] says where the next session begins.
package binlog
