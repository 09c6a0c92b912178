package readback

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// ask adds the commands of question i. The expiry comes behind what a key holds: without a key
// everything looks empty, and so it is known that there was one all the time. Of one that takes
// several questions it comes before as well, to spare the rest if there is none; and of an empty
// string, which looks the same when it is not there.
func (c *Client) ask(q *question.Question, i int) {
	if q.Head && (!q.Tail || isText(q.Kind) && q.Size == 0) {
		c.askExpiry(q, i)
	}
	c.askContent(q, i)
	if q.Tail {
		c.askExpiry(q, i)
	}
}

func (c *Client) askExpiry(q *question.Question, i int) {
	c.add(i, decodeExpiry, c.expiryCommand(), q.Key)
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

// isWhole reports whether a question asks for all of its key.
func isWhole(q *question.Question) bool { return q.Head && q.Tail && q.Offset == 0 && !q.Length }

// askContent adds the commands for all but the expiry. Of a key in one question one element more is
// asked for: if it does not come, nobody need be asked for the length.
func (c *Client) askContent(q *question.Question, i int) {
	if q.Length {
		c.add(i, decodeTotal, target.LengthCommands[q.Kind], q.Key)
		return
	}
	if q.Kind == format.List && isWhole(q) {
		c.begin("LRANGE", q.Key)
		c.encoder.Number(0)
		c.encoder.Number(int64(len(q.Elems)))
		c.end(i, decodeList)
		return
	}
	if scan := scanCommands[q.Kind]; scan != "" && isWhole(q) && len(q.Elems) > 0 && c.target.ScansInOrder() {
		c.begin(scan, q.Key)
		c.encoder.Word("0")
		c.encoder.Word("COUNT")
		c.encoder.Number(int64(len(q.Elems)) + 1)
		c.end(i, decodePage)
		return
	}
	c.askElements(q, i)
}

// askElements adds the commands that ask for the elements by name or place, and for what goes with
// them.
func (c *Client) askElements(q *question.Question, i int) {
	switch q.Kind {
	case format.String, format.HyperLogLog:
		until := q.Offset + int64(q.Size) - 1
		if q.Tail {
			until++
		}
		if until >= q.Offset {
			c.begin("GETRANGE", q.Key)
			c.encoder.Number(q.Offset)
			c.encoder.Number(until)
			c.end(i, decodeText)
		}
		return
	case format.Hash:
		c.addMembers(i, decodeTexts, "HMGET", q.Key, q.Elems)
	case format.Set:
		c.addMembers(i, decodeMembership, "SMISMEMBER", q.Key, q.Elems)
	case format.Zset:
		c.addMembers(i, decodeScores, "ZMSCORE", q.Key, q.Elems)
	case format.List:
		if n := int64(len(q.Elems)); n > 0 {
			c.begin("LRANGE", q.Key)
			c.encoder.Number(q.Offset)
			c.encoder.Number(q.Offset + n - 1)
			c.end(i, decodeElements)
		}
	case format.Stream:
		c.askEntries(q, i)
	}
	if q.Tail {
		c.add(i, decodeTotal, target.LengthCommands[q.Kind], q.Key)
	}
}

func (c *Client) askEntries(q *question.Question, i int) {
	from, until := "-", target.LastID.String()
	if q.After != (format.StreamID{}) {
		// Kvrocks before 2.3 and Redis before 6.2 know no ranges that begin behind an id.
		from = q.After.Next().String()
	}
	if !q.Tail {
		until = q.Until.String()
	}
	if q.After != target.LastID {
		c.begin("XRANGE", q.Key)
		c.encoder.Word(from)
		c.encoder.Word(until)
		c.encoder.Word("COUNT")
		c.encoder.Number(int64(q.Entries) + 1)
		c.end(i, decodeEntries)
	}
	if q.Until == target.LastID && q.Entries > 0 {
		c.begin("XRANGE", q.Key)
		c.encoder.Word(target.LastID.String())
		c.encoder.Word(target.LastID.String())
		c.end(i, decodeLastEntry)
	}
	if q.Tail {
		c.begin("XINFO")
		c.encoder.Word("STREAM")
		c.encoder.Bytes(q.Key)
		c.end(i, decodeState)
	}
	if q.Tail && c.target.ListsGroups() {
		c.begin("XINFO")
		c.encoder.Word("GROUPS")
		c.encoder.Bytes(q.Key)
		c.end(i, decodeGroups)
	}
}

// scanCommands read a whole small collection on a target that scansInOrder.
var scanCommands = map[format.Kind]string{format.Hash: "HSCAN", format.Set: "SSCAN", format.Zset: "ZSCAN"}
