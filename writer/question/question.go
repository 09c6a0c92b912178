// Package question is what a server is asked of a key, and what it answers. It consists of plain
// types, for the comparison that asks and for the client that reads them from a server.
//
// Begin with Question: fill in what is asked for, hand it to readback.Client.Ask, or to another
// server that answers it, and read the rest. The package never sends anything itself.
package question

import "github.com/pika2kvrocks/pika2kvrocks/format"

// A Question asks for a part of one key. A key that is not there is TypeNone, and the rest of its
// answer is not looked at. The questions of a key come in the order of its elements.
type Question struct {
	Kind format.Kind
	Key  []byte // the name on the server

	// What is asked for. Head and Tail are set on a key's first and last question.
	Head bool // the expiry
	Tail bool // the expiry, behind all else; the length of the whole, and of a stream its state
	// Offset counts what came before this question: bytes of a string, elements of the others.
	Offset  int64
	Size    int             // string: how many bytes; with Tail one more, to see whether there are more
	Elems   [][]byte        // hash: fields; set, zset: members; list: as many elements
	After   format.StreamID // stream: the entries behind this id …
	Until   format.StreamID // … up to this one, or with Tail up to the end
	Entries int             // stream: how many there should be. One more is asked for
	Length  bool            // only the length is wanted, not the elements
	Spare   bool            // the expiry is not wanted if what the key holds shows that it is there

	// What the server holds.
	Type   string // TypeNone, the name of another type, or empty: it is of Kind
	Expire int64  // Unix ms; 0 for none, UnknownExpiry if the server cannot tell
	Total  int64  // length in bytes or elements; -1 if the server tells Extra instead
	Extra  int64  // elements between those asked for, when Total is -1
	Values []string
	Found  []bool // hash, set, zset: which of Elems are there
	Scores []float64
	IDs    []format.StreamID // stream: the entries, in order, of the fields in Fields
	Fields [][]string
	State  *format.StreamState // nil if the server does not keep it

	// Unasked says why some of Elems, or the key, cannot be there: they are longer than the server
	// takes. Empty: all were asked for.
	Unasked string
	// Changed says by what else it is seen that others have changed the key; empty: by nothing.
	Changed string
}

// TypeNone is the Type of a key that is not there.
const TypeNone = "none"

// UnknownExpiry is the Expire of a key whose expiry the server cannot tell.
const UnknownExpiry = -1

// Reset forgets what is asked for but the key, and the answer, and keeps the memory.
func (q *Question) Reset() {
	clear(q.Elems)
	q.Elems, q.Spare = q.Elems[:0], false
	q.Clear()
}

// Clear forgets the answer, and keeps the memory.
func (q *Question) Clear() {
	clear(q.Values)
	clear(q.Fields)
	q.Type, q.Expire, q.Total, q.Extra = "", 0, 0, 0
	q.Values, q.Found, q.Scores = q.Values[:0], q.Found[:0], q.Scores[:0]
	q.IDs, q.Fields = q.IDs[:0], q.Fields[:0]
	q.State, q.Unasked, q.Changed = nil, "", ""
}

// A Count is a server's own count of the keys of a keyspace, made between two times of its clock,
// in Unix ms.
type Count struct {
	Keys, Expiring int64
	From, Until    int64
}
