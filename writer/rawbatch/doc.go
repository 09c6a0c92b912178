// Package rawbatch encodes the keys of a dump as a Kvrocks stores them: write batches of RocksDB,
// which its command APPLYBATCH takes as they are (docs/SERVERS.md K22). Begin with New, then call
// Add for each record of a key, in order, and send what Bytes returns when the batch is as large as
// a command should be. Call Check on these bytes before they are sent: a batch that is malformed
// stops all writes of a Kvrocks until it is restarted. The package sends nothing, and knows
// nothing of commands, connections or who owns a slot.
//
// # Batch
//
//	8 bytes  sequence: 0
//	4 bytes  number of puts, little endian
//	puts     05, column family, key, value; 01, key, value for column family 0
//
// The column family and the lengths before key and value are varints. Column families: 0 subkeys,
// 1 metadata, 2 members of zsets by score, 5 entries of streams.
//
// # Keys
//
// Numbers are big endian.
//
//	prefix    u8 length, namespace; u16 slot if the server is one of a cluster
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
// A key that is written under another version than it had hides all subkeys that it had. The same
// bytes written twice change nothing.
package rawbatch
