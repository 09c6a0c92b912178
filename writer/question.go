package writer

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// ask adds the commands of question i. The expiry comes behind what a key holds: without a key everything looks empty, and so
// it is known that there was one all the time. Of one that takes several questions it comes before as well, to spare the
// rest if there is none; and of an empty string, which looks the same when it is not there.
func (r *Reader) ask(q *question.Question, i int) {
	if q.Head && (!q.Tail || isText(q.Kind) && q.Size == 0) {
		r.askExpiry(q, i)
	}
	r.askContent(q, i)
	if q.Tail {
		r.askExpiry(q, i)
	}
}

func (r *Reader) askExpiry(q *question.Question, i int) {
	name := "PEXPIRETIME"
	if !r.loader.target.tellsExpiry() {
		name = "PTTL"
	}
	r.add(i, decodeExpiry, name, q.Key)
}

// isText reports whether a key of that kind is a string to the target.
func isText(kind format.Kind) bool { return kind == format.String || kind == format.HyperLogLog }

// typeName is the type of a key of that kind to the target.
func typeName(kind format.Kind) string {
	if isText(kind) {
		return format.String.String()
	}
	return kind.String()
}

// askContent adds the commands for all but the expiry.
func (r *Reader) askContent(q *question.Question, i int) {
	if q.Length {
		r.add(i, decodeTotal, lengthCommands[q.Kind], q.Key)
		return
	}
	if scan := scanCommands[q.Kind]; scan != "" && q.Head && q.Tail && len(q.Elems) > 0 && r.loader.target.scansInOrder() {
		r.begin(scan, q.Key)
		r.wire.word("0")
		r.wire.word("COUNT")
		r.wire.number(int64(len(q.Elems)) + 1)
		r.end(i, decodePage)
		r.add(i, decodeTotal, lengthCommands[q.Kind], q.Key)
		return
	}
	r.askElements(q, i)
}

// askElements adds the commands that ask for the elements by name or place, and for what goes with them.
func (r *Reader) askElements(q *question.Question, i int) {
	switch q.Kind {
	case format.String, format.HyperLogLog:
		until := q.Offset + int64(q.Size) - 1
		if q.Tail {
			until++
		}
		if until >= q.Offset {
			r.begin("GETRANGE", q.Key)
			r.wire.number(q.Offset)
			r.wire.number(until)
			r.end(i, decodeText)
		}
		return
	case format.Hash:
		r.addMembers(i, decodeTexts, "HMGET", q.Key, q.Elems)
	case format.Set:
		r.addMembers(i, decodeMembership, "SMISMEMBER", q.Key, q.Elems)
	case format.Zset:
		r.addMembers(i, decodeScores, "ZMSCORE", q.Key, q.Elems)
	case format.List:
		if n := int64(len(q.Elems)); n > 0 {
			r.begin("LRANGE", q.Key)
			r.wire.number(q.Offset)
			r.wire.number(q.Offset + n - 1)
			r.end(i, decodeElements)
		}
	case format.Stream:
		r.askEntries(q, i)
	}
	if q.Tail {
		r.add(i, decodeTotal, lengthCommands[q.Kind], q.Key)
	}
}

func (r *Reader) askEntries(q *question.Question, i int) {
	from, until := "-", "+"
	if q.After != (format.StreamID{}) {
		from = following(q.After).String()
	}
	if !q.Tail {
		until = q.Until.String()
	}
	r.begin("XRANGE", q.Key)
	r.wire.word(from)
	r.wire.word(until)
	r.wire.word("COUNT")
	r.wire.number(int64(q.Entries) + 1)
	r.end(i, decodeEntries)
	if q.Tail {
		r.begin("XINFO")
		r.wire.word("STREAM")
		r.wire.bytes(q.Key)
		r.end(i, decodeState)
	}
	if q.Tail && r.loader.target.listsGroups() {
		r.begin("XINFO")
		r.wire.word("GROUPS")
		r.wire.bytes(q.Key)
		r.end(i, decodeGroups)
	}
}

// following returns the id right behind another. Kvrocks before 2.3 and Redis before 6.2 know
// no ranges that begin behind one.
func following(id format.StreamID) format.StreamID {
	if id.Seq++; id.Seq == 0 {
		id.Ms++
	}
	return id
}

// scanCommands read a whole small collection on a target that scansInOrder.
var scanCommands = map[format.Kind]string{format.Hash: "HSCAN", format.Set: "SSCAN", format.Zset: "ZSCAN"}

var lengthCommands = map[format.Kind]string{
	format.String: "STRLEN", format.HyperLogLog: "STRLEN", format.Hash: "HLEN", format.List: "LLEN",
	format.Set: "SCARD", format.Zset: "ZCARD", format.Stream: "XLEN",
}
