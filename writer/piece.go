package writer

import "github.com/pika2kvrocks/pika2kvrocks/format"

// A Piece is a part of one key that a Reader reads back: what is asked for, and what the
// target holds. The pieces of a key come in the order of its elements.
type Piece struct {
	DB   int
	Kind format.Kind
	Key  []byte // the name on the target

	// What is asked for. Head and Tail are set on a key's first and last piece.
	Head bool // the expiry
	Tail bool // the expiry, behind all else; the length of the whole, and of a stream its state
	// Offset counts what came before this piece: bytes of a string, elements of the others.
	Offset  int64
	Size    int             // string: how many bytes; one more with Tail, to see whether there are more
	Elems   [][]byte        // hash: fields; set, zset: members; list: as many elements
	After   format.StreamID // stream: the entries behind this id …
	Until   format.StreamID // … up to this one, or with Tail up to the end
	Entries int             // stream: how many there should be. One more is asked for
	Length  bool            // only the length is wanted, not the elements

	// What the target holds.
	Type   string // TypeNone, the name of another type, or empty: it is of Kind
	Expire int64  // Unix ms; 0 for none
	Total  int64  // with Tail: length in bytes or elements
	Extra  int64  // not set here: Total tells
	Values []string
	Found  []bool // hash, set, zset: which of Elems are there
	Scores []float64
	IDs    []format.StreamID // stream: the entries, in order, of the fields in Fields
	Fields [][]string
	State  *format.StreamState // nil if the target does not keep it

	// Unasked says why some of Elems, or the key, cannot be there: they are longer than the target takes. Empty: all were asked for.
	Unasked string
	// Changed says by what else it is seen that others have changed the key; empty: by nothing.
	Changed string
}

// TypeNone is the Type of a key that is not there.
const TypeNone = "none"

// ask adds the commands of the piece. The expiry comes behind what a key holds: without a key everything looks empty, and so
// it is known that there was one all the time. Of one that takes several pieces it comes before as well, to spare the
// rest if there is none; and of an empty string, which looks the same when it is not there.
func (p *Piece) ask(r *Reader, i int) {
	if p.Head && (!p.Tail || p.isText() && p.Size == 0) {
		p.askExpiry(r, i)
	}
	p.askContent(r, i)
	if p.Tail {
		p.askExpiry(r, i)
	}
}

func (p *Piece) askExpiry(r *Reader, i int) {
	name := "PEXPIRETIME"
	if !r.loader.target.tellsExpiry() {
		name = "PTTL"
	}
	r.add(i, takeExpiry, name, p.Key)
}

// isText reports whether the key is a string to the target.
func (p *Piece) isText() bool { return p.Kind == format.String || p.Kind == format.HyperLogLog }

// typeName is the type of the key to the target.
func (p *Piece) typeName() string {
	if p.isText() {
		return format.String.String()
	}
	return p.Kind.String()
}

// askContent adds the commands for all but the expiry.
func (p *Piece) askContent(r *Reader, i int) {
	if p.Length {
		r.add(i, takeTotal, lengthCommands[p.Kind], p.Key)
		return
	}
	if scan := scanCommands[p.Kind]; scan != "" && p.Head && p.Tail && len(p.Elems) > 0 && r.loader.target.scansInOrder() {
		r.begin(scan, p.Key)
		r.wire.word("0")
		r.wire.word("COUNT")
		r.wire.number(int64(len(p.Elems)) + 1)
		r.end(i, takePage)
		r.add(i, takeTotal, lengthCommands[p.Kind], p.Key)
		return
	}
	p.askElements(r, i)
}

// askElements adds the commands that ask for the elements by name or place, and for what goes with them.
func (p *Piece) askElements(r *Reader, i int) {
	switch p.Kind {
	case format.String, format.HyperLogLog:
		until := p.Offset + int64(p.Size) - 1
		if p.Tail {
			until++
		}
		if until >= p.Offset {
			r.begin("GETRANGE", p.Key)
			r.wire.number(p.Offset)
			r.wire.number(until)
			r.end(i, takeText)
		}
		return
	case format.Hash:
		r.addMembers(i, takeTexts, "HMGET", p.Key, p.Elems)
	case format.Set:
		r.addMembers(i, takeMembership, "SMISMEMBER", p.Key, p.Elems)
	case format.Zset:
		r.addMembers(i, takeScores, "ZMSCORE", p.Key, p.Elems)
	case format.List:
		if n := int64(len(p.Elems)); n > 0 {
			r.begin("LRANGE", p.Key)
			r.wire.number(p.Offset)
			r.wire.number(p.Offset + n - 1)
			r.end(i, takeElements)
		}
	case format.Stream:
		p.askEntries(r, i)
	}
	if p.Tail {
		r.add(i, takeTotal, lengthCommands[p.Kind], p.Key)
	}
}

func (p *Piece) askEntries(r *Reader, i int) {
	from, until := "-", "+"
	if p.After != (format.StreamID{}) {
		from = following(p.After).String()
	}
	if !p.Tail {
		until = p.Until.String()
	}
	r.begin("XRANGE", p.Key)
	r.wire.word(from)
	r.wire.word(until)
	r.wire.word("COUNT")
	r.wire.number(int64(p.Entries) + 1)
	r.end(i, takeEntries)
	if p.Tail {
		r.begin("XINFO")
		r.wire.word("STREAM")
		r.wire.bytes(p.Key)
		r.end(i, takeState)
	}
	if p.Tail && r.loader.target.listsGroups() {
		r.begin("XINFO")
		r.wire.word("GROUPS")
		r.wire.bytes(p.Key)
		r.end(i, takeGroups)
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
