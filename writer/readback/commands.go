package readback

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// ask adds the commands of question i. The expiry comes behind what a key holds: without a key
// everything looks empty, and so it is known that there was one all the time. Of one that takes
// several questions it comes before as well, to spare the rest if there is none; and of an empty
// string, which looks the same when it is not there.
func (c *Client) ask(q *question.Question, i int) {
	if q.Head && (!q.Tail || q.Kind.Type() == format.TypeString && q.Size == 0) {
		c.askExpiry(q, i)
	}
	c.askContent(q, i)
	if q.Tail && !(q.Spare && c.pages(q)) {
		c.askExpiry(q, i)
	}
}

func (c *Client) askExpiry(q *question.Question, i int) {
	c.beginPlain(c.expiryCommand(), q.Key)
	c.end(i, decodeExpiry)
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
	switch {
	case !c.pages(q):
		c.askElements(q, i)
	case q.Kind == format.List:
		c.touch(q)
		c.add(i, decodeList, "LRANGE", q.Key, 0, len(q.Elems))
	default:
		c.touch(q)
		c.add(i, decodePage, collections[q.Kind].scan, q.Key, "0", "COUNT", len(q.Elems)+1)
	}
}

// pages reports whether the whole of a key is asked for at once, which shows whether it is there.
func (c *Client) pages(q *question.Question) bool {
	return isWhole(q) && (q.Kind == format.List ||
		collections[q.Kind].scan != "" && len(q.Elems) > 0 && c.target.ScansInOrder())
}

// A Kvrocks that goes through a key reads its blocks of 16 KiB from their file, and keeps none of
// them for the small key behind it. When it looks for an element it does (SERVERS.md K13).
const (
	touchBytes     = 8 << 10 // so often that most blocks are kept
	storedOverhead = 40      // what an element takes beside its bytes and the name of its key, about
)

// touch adds a command that has a Kvrocks keep a block of the keys that it is about to go through,
// one for many of them. Nobody looks at its reply.
func (c *Client) touch(q *question.Question) {
	for _, e := range q.Elems {
		c.through += len(e) + len(q.Key) + storedOverhead
	}
	if c.through < touchBytes || !c.target.ScansInOrder() {
		return
	}
	c.through = 0
	if q.Kind == format.List {
		c.add(-1, nil, "LINDEX", q.Key, 0)
		return
	}
	c.add(-1, nil, collections[q.Kind].members, q.Key, q.Elems[0])
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
			c.add(i, decodeText, "GETRANGE", q.Key, q.Offset, until)
		}
		return
	case format.Hash, format.Set, format.Zset:
		if t := collections[q.Kind]; len(q.Elems) > 0 {
			c.begin(t.members, q.Key)
			for _, m := range q.Elems {
				c.encoder.Bytes(m)
			}
			c.end(i, t.decode)
		}
	case format.List:
		if n := int64(len(q.Elems)); n > 0 {
			c.add(i, decodeElements, "LRANGE", q.Key, q.Offset, q.Offset+n-1)
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
		c.add(i, decodeEntries, "XRANGE", q.Key, from, until, "COUNT", q.Entries+1)
	}
	if q.Until == target.LastID && q.Entries > 0 {
		c.add(i, decodeLastEntry, "XRANGE", q.Key, target.LastID.String(), target.LastID.String())
	}
	if q.Tail {
		c.add(i, decodeState, "XINFO", "STREAM", q.Key)
	}
	if q.Tail && c.target.ListsGroups() {
		c.add(i, decodeGroups, "XINFO", "GROUPS", q.Key)
	}
}

// collections are asked for by the names of their elements; or by the first page of a scan, which
// is the whole of a small one on a target that ScansInOrder.
var collections = map[format.Kind]struct {
	scan, members string
	decode        func(*question.Question, *resp.Reply) error
}{
	format.Hash: {"HSCAN", "HMGET", decodeTexts},
	format.Set:  {"SSCAN", "SMISMEMBER", decodeMembership},
	format.Zset: {"ZSCAN", "ZMSCORE", decodeScores},
}
