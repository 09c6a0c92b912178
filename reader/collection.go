package reader

import (
	"bytes"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A collection is how one type of collection is read, n elements at a time.
type collection interface {
	kind() format.Kind
	// ask adds the command that reads n elements of key from pos on to b.
	ask(b *resp.Batch, key []byte, pos *position, n int)
	// read takes its reply, appends the elements to r, and moves pos behind them. It
	// reports whether there are more.
	read(p *resp.Replies, pos *position, n int, r *format.Record) (more bool, err error)
	// look adds the command that shows, behind a piece of a key, whether it is still there, and the
	// same one: its length, or its first n elements.
	look(b *resp.Batch, key []byte, n int)
	// seen takes its reply. It returns errGone, or errChanged if the piece does not fit the one
	// before.
	seen(p *resp.Replies, pos *position) error
}

// A position is how far a collection has been read.
type position struct {
	count    int64  // list: elements so far. set, zset: the server's cursor
	last     []byte // hash, set, zset: the last field or member
	next     []byte // hash: the field to go on from
	score    float64
	restarts int // how often the server lost the cursor

	private []byte    // pattern of the cursors that no other reading uses
	counted bool      // 2.x: the cursor is how many elements go before
	place   listPlace // list
	head    []uint64  // hash, set, zset: hashes of the first elements, as they were seen last
	anew    bool      // and that all of them were others then
}

// ascending drops from the items behind from, which come in steps of a member and what
// belongs to it, those at or before pos.last; if there are more to come it moves pos.last.
// What a scan delivers is in byte order (SERVERS.md P2), so that after a lost cursor,
// when the server begins anew, nothing is handed over twice.
func ascending(p *resp.Replies, items [][]byte, from, step int, pos *position, more bool) [][]byte {
	out := items[:from]
	var prev []byte
	for i := from; i < len(items) && p.Err() == nil; i += step {
		member := items[i]
		if i > from && bytes.Compare(prev, member) >= 0 {
			p.Odd("%s after %s: not in byte order", resp.Quote(member), resp.Quote(prev))
		}
		prev = member
		if pos.last != nil && bytes.Compare(member, pos.last) <= 0 {
			continue
		}
		out = append(out, items[i:i+step]...)
	}
	if more && len(out) > from {
		pos.last = append(make([]byte, 0, len(prev)), prev...)
	}
	return out
}

// holdsType takes the reply to a typeReader's ask, and reports whether there is anything of the
// type. On 4.0 a key of another type answers so.
func holdsType(p *resp.Replies, t format.Type) (ok bool) {
	if re := p.Refused(); re != nil {
		if !re.WrongType() {
			p.Fail(re)
		}
		return false
	}
	q := p.Take(1)
	switch t {
	case format.TypeString:
		ok = q.BulkOrNil() != nil
	case format.TypeList:
		ok = q.Array(-1) > 0
	default:
		q.Head()
		ok = q.Array(-1) > 0
	}
	p.Fail(q.Err())
	return ok
}

var (
	errChanged = errors.New("changed while it was read in pieces")
	errGone    = errors.New("gone while it was read in pieces")
)

var (
	sets       = scanned{"SSCAN", format.Set, 1}
	zsets      = zset{scanned{"ZSCAN", format.Zset, 2}}
	hashCursor = scanned{"HSCAN", format.Hash, 2} // where there is nothing better
)
