package target

import (
	"math"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// LengthCommands ask how long a key is.
var LengthCommands = map[format.Kind]string{
	format.String: "STRLEN", format.HyperLogLog: "STRLEN", format.Hash: "HLEN", format.List: "LLEN",
	format.Set: "SCARD", format.Zset: "ZCARD", format.Stream: "XLEN",
}

// LastID is the greatest id of all: the end of a range over all of a stream, for the + that is for
// it leaves out the entries of the last millisecond on a Kvrocks. A range of a Kvrocks that begins
// below it does not show it, one of it alone does (SERVERS.md K11).
var LastID = format.StreamID{Ms: math.MaxUint64, Seq: math.MaxUint64}

// PassingGroup is the consumer group with which an empty stream is made and which is then
// destroyed.
const PassingGroup = "kvload"
