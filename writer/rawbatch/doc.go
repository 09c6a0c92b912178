// Package rawbatch encodes keys as a Kvrocks stores them: write batches of RocksDB, which its
// command APPLYBATCH takes as they are (docs/SERVERS.md K23). Begin with New; Begin a key, add its
// elements and call Metadata, and send what Bytes returns when it is as large as a command should
// be. Call Check on these bytes before they are sent: a batch that is malformed stops all writes of
// a Kvrocks until it is restarted. The package sends nothing, and knows nothing of commands,
// connections, or clusters, in which a slot stands behind the namespace.
//
// # Batch
//
//	8 bytes  sequence: 0
//	4 bytes  number of puts, little endian
//	records  put into column family 0: 01, key, value; into another: 05, column family, key, value
//	         log data: 03, text. It is not counted
//
// The column family and the lengths before key, value and text are varints. Column families: 0
// subkeys, 1 metadata, 2 members of zsets by score, 5 entries of streams.
//
// # Keys
//
// Numbers are big endian.
//
//	prefix    u8 length, namespace
//	metadata  prefix, key
//	subkey    prefix, u32 length, key, u64 version, sub
//
// # Metadata
//
//	u8   0x80 | type: string 1, hash 2, list 3, set 4, zset 5, stream 8
//	u64  expiry, Unix time in ms; 0: none
//
// A string's value follows. Of other types, u64 version and u64 number of elements do, and then:
//
//	list    u64 index of the first element, u64 index behind the last; the first is 2^63-1
//	stream  ids: last generated, first, largest deleted, first, last entry; u64 entries
//	        added; u64 groups. An id is u64 ms, u64 number
//
// # Subkeys
//
//	hash    sub field, value value
//	set     sub member, value empty
//	list    sub u64 index, value element
//	zset    sub member, value u64 score; and in column family 2: sub u64 score, member, value empty.
//	        A score is its IEEE bits with the sign flipped, all bits flipped if it is negative
//	stream  in column family 5: sub id, value: each field and value behind its length, a varint
//
// # Versions
//
// Each key gets a version that it never had, also when it is written a second time, so that a batch
// replaces whatever it held: 2^63 and above, which no server makes, drawn at random once for each
// Encoder and counted up from there.
//
// # Large keys
//
// Every batch ends with the metadata of the key that goes on in the next, with the number of
// elements so far, for a compaction removes subkeys that have none: a key of several batches grows,
// as under ordinary commands.
//
// # Log data
//
// Kvrocks' own commands put one before the records of a key. Only what turns batches into commands
// again reads it: slot migration by redis-command, and kvrocks2redis. It is the type in decimal;
// of a list also " 7", RPUSH; before metadata with an expiry, but for streams, " 8". A string needs
// none: its metadata say all.
package rawbatch
