package verify

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Server reads back what one keyspace of a server holds, over one connection.
type Server interface {
	// Ask fills in the answers of the questions, in as few round trips as it can. Questions
	// of one key come in the order of its elements, in one call or in several. An error
	// is of the connection or the server: what concerns one key is in its answer.
	Ask(ctx context.Context, qs []*Question) error
	Close() error
}

// A Question asks for a piece of one key. A key that is not there is TypeNone, and the
// rest of its answer is not looked at. It consists of nothing but plain types so that
// packages that must not import this one can declare the same struct.
type Question struct {
	DB   int
	Kind format.Kind
	Key  []byte // the name on the server

	// What is asked for. Head and Tail are set on a key's first and last question.
	Head   bool // the expiry
	Tail   bool // the expiry, behind all else; the length of the whole, and of a stream its state
	Offset int64
	// Offset counts what came before this piece: bytes of a string, elements of the others.
	Size    int             // string: how many bytes; one more with Tail, to see whether there are more
	Elems   [][]byte        // hash: fields; set, zset: members; list: as many elements
	After   format.StreamID // stream: the entries behind this id …
	Until   format.StreamID // … up to this one, or with Tail up to the end
	Entries int             // stream: how many there should be. One more is asked for
	Length  bool            // only the length is wanted, not the elements

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

	// Unasked says why some of Elems, or the key, cannot be there: they are longer than the server takes. Empty: all were asked for.
	Unasked string
	// Changed says by what else it is seen that others have changed the key; empty: by nothing.
	Changed string
}

// TypeNone is the Type of a key that is not there.
const TypeNone = "none"

// UnknownExpiry is the Expire of a key whose expiry the server cannot tell.
const UnknownExpiry = -1

// clear forgets everything that points to memory, but not its own.
func (q *Question) clear() {
	clear(q.Elems)
	clear(q.Values)
	clear(q.Fields)
	q.Elems, q.Type, q.Expire, q.Total, q.Extra = q.Elems[:0], "", 0, 0, 0
	q.Values, q.Found, q.Scores, q.IDs, q.Fields = q.Values[:0], q.Found[:0], q.Scores[:0], q.IDs[:0], q.Fields[:0]
	q.State, q.Unasked, q.Changed = nil, "", ""
}
