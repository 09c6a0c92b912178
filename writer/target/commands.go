package target

import "github.com/pika2kvrocks/pika2kvrocks/format"

// LengthCommands ask how long a key is.
var LengthCommands = map[format.Kind]string{
	format.String: "STRLEN", format.HyperLogLog: "STRLEN", format.Hash: "HLEN", format.List: "LLEN",
	format.Set: "SCARD", format.Zset: "ZCARD", format.Stream: "XLEN",
}

// PassingGroup is the consumer group with which an empty stream is made and which is then
// destroyed.
const PassingGroup = "kvload"
