package reader

import (
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// set reads by SSCAN, whose cursor the server keeps: the next is the last plus COUNT,
// or 0 at the end (SERVERS.md P2).
type set struct{}

func (set) kind() format.Kind { return format.Set }

func (set) ask(b *batch, key []byte, pos *position, n int) {
	b.add("SSCAN", key, pos.count, "COUNT", n)
}

func (set) read(p *parser, pos *position, n int, r *format.Record) (bool, error) {
	from := len(r.Elems)
	more, err := readCursor(p, pos, n)
	if err != nil {
		return false, err
	}
	if r.Elems, err = p.bulks(r.Elems, 1); err != nil {
		return false, err
	}
	r.Elems, err = ascending(p, r.Elems, from, 1, pos, more)
	return more, err
}

// maxRestarts is how often the server may lose the cursor of one key.
const maxRestarts = 16

// readCursor takes the head of a scan's reply and the cursor.
func readCursor(p *parser, pos *position, n int) (more bool, err error) {
	if _, err := p.array(2); err != nil {
		return false, err
	}
	text, err := p.bulk()
	if err != nil {
		return false, err
	}
	cursor, err := parseInt(text)
	if err != nil || cursor < 0 {
		return false, &ReplyError{p.asked(), "cursor " + strconv.Quote(string(text))}
	}
	switch {
	case cursor == 0:
		return false, nil
	case cursor == pos.count+int64(n):
	case cursor == int64(n): // it had forgotten the cursor and began anew
		if pos.restarts++; pos.restarts > maxRestarts {
			return false, &ReplyError{p.asked(), "the cursor was lost " + strconv.Itoa(pos.restarts) + " times; are other clients scanning?"}
		}
	default:
		return false, &ReplyError{p.asked(), "cursor " + string(text) + " after " + strconv.FormatInt(pos.count, 10)}
	}
	pos.count = cursor
	return true, nil
}
