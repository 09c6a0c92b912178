package reader

import (
	"bytes"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// set reads by SSCAN, whose cursor the server keeps: the next is the last plus COUNT,
// or 0 at the end. It keeps it by key and pattern for all clients together (SERVERS.md P2).
type set struct{}

func (set) kind() format.Kind { return format.Set }

func (set) ask(b *resp.Batch, key []byte, pos *position, n int) {
	askCursor(b, "SSCAN", key, pos, n)
}

func (set) look(b *resp.Batch, key []byte, n int) { lookCursor(b, "SSCAN", key, n) }

func (set) seen(p *resp.Replies, pos *position) error { return pos.sameHead(p, format.TypeSet, 1) }

func (set) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from, cursor := len(r.Elems), pos.cursor()
	more, err := readCursor(p, pos, n)
	if err != nil {
		return false, err
	}
	if r.Elems, err = p.Bulks(r.Elems, 1); err != nil {
		return false, err
	}
	if len(r.Elems) > from && bytes.Compare(r.Elems[from], pos.last) > 0 && pos.passed(cursor, n) {
		r.Elems = r.Elems[:from]
		return true, nil
	}
	r.Elems, err = ascending(p, r.Elems, from, 1, pos, more)
	return more, err
}

func (set) byCursor() {}
