package reader

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// scanned is a collection that is read by a cursor that the server keeps: the next is the last plus
// COUNT, or 0 at the end. It keeps it by key and pattern for all clients together (SERVERS.md P2).
type scanned struct {
	command string
	of      format.Kind
	step    int // items of a reply that are one element
}

func (s scanned) kind() format.Kind { return s.of }

func (s scanned) seen(p *resp.Replies, pos *position) error {
	return pos.sameHead(p, s.of.Type(), s.step)
}

func (s scanned) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from, cursor := len(r.Elems), pos.cursor()
	more := readCursor(p, pos, n)
	r.Elems = p.Bulks(r.Elems, s.step)
	if p.Err() == nil && len(r.Elems) > from && bytes.Compare(r.Elems[from], pos.last) > 0 && pos.passed(cursor, n) {
		r.Elems = r.Elems[:from]
		return true, nil
	}
	r.Elems = ascending(p, r.Elems, from, s.step, pos, more)
	return more, p.Err()
}

// privately makes what follows of a key be read by cursors of its own, from the beginning: another
// client that uses the same numbers moves the place of ours past members, and nothing shows it.
// What has been had is dropped by its order (ascending). The pattern matches every member but
// perhaps the empty one, which is the first and so was in the first piece.
func (pos *position) privately() {
	pos.private = fmt.Appendf(nil, "[\x00-\x7f\x80-\xff%016x]*", rand.Uint64())
	pos.count = 0
}

func (s scanned) ask(b *resp.Batch, key []byte, pos *position, n int) {
	if pos.private == nil {
		b.Add(s.command, key, pos.cursor(), "COUNT", n)
		return
	}
	b.Add(s.command, key, pos.cursor(), "MATCH", pos.private, "COUNT", n)
}

// cursor returns where to go on from. On 2.x that is the last element again, which shows whether
// others before it were removed: then those behind it would be passed over.
func (pos *position) cursor() int64 {
	if pos.counted {
		return max(0, pos.count-1)
	}
	return pos.count
}

// passed goes back by a piece, which was asked for from cursor on and whose first element is a new
// one: others may have been passed over.
func (pos *position) passed(cursor int64, n int) bool {
	if !pos.counted || cursor == 0 || pos.last == nil {
		return false
	}
	pos.count = max(0, cursor-int64(n)) + 1
	return true
}

// look uses a pattern that nobody's place is kept by.
func (s scanned) look(b *resp.Batch, key []byte, n int) {
	b.Add(s.command, key, 0, "MATCH", "**", "COUNT", n)
}

// maxRestarts is how often the server may lose the cursor of one key.
const maxRestarts = 16

// readCursor takes the head of a scan's reply and the cursor.
func readCursor(p *resp.Replies, pos *position, n int) (more bool) {
	text := p.Head()
	cursor, err := resp.ParseInt(text)
	switch {
	case err != nil || cursor < 0:
		p.Odd("cursor %q", text)
	case cursor == 0:
		return false
	case cursor == pos.cursor()+int64(n):
	case cursor == int64(n): // it had forgotten the cursor and began anew
		if pos.restarts++; pos.restarts > maxRestarts {
			p.Odd("the cursor was lost %d times; are other clients scanning?", pos.restarts)
		}
	default:
		p.Odd("cursor %s after %d", text, pos.count)
	}
	pos.count = cursor
	return true
}
