package reader

import (
	"bytes"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Pages of keys: PKSCANRANGE type start end LIMIT n answers the key to go on from, empty
// at the end, and the keys; both bounds are inclusive (SERVERS.md P1). SCANX type start COUNT n
// answers alike, without an upper bound.

// A page is a reply to askPage, with the reply of the pipeline that brought it.
type page struct {
	buf   resp.Buffer
	next  []byte // nil: this was the last page
	items [][]byte
	bytes int // size of the page in the reply
}

// errStuck: a page ends at the name at which it began. On 4.0 several keys can be listed
// under one name (SERVERS.md P4): a page with room for all of them gets past.
var errStuck = errors.New("the key to go on from does not lie behind the page's start")

// maxStuck is the largest page asked for to get past such names.
const maxStuck = 1 << 16

// readPage takes the reply of a page whose items come in groups (1: keys, 2: keys and values).
func (w *scan) readPage(p *resp.Replies, pg *page, start []byte, group int) error {
	p.Answers(w.s.Listing()+" "+string(w.pass.Type), start)
	from := p.Offset()
	next, items := p.Page(pg.items[:0], group)
	pg.items, pg.bytes, pg.next = items, p.Offset()-from, nil
	switch {
	case p.Err() != nil:
		return p.Err()
	case len(next) == 0:
	case w.end != nil && bytes.Compare(next, w.end) >= 0:
	case bytes.Compare(next, start) <= 0:
		return errStuck
	default:
		pg.next = next
		// Keys under the name to go on from come again with the next page (SERVERS.md P4).
		for n := len(pg.items); n > 0 && bytes.Equal(pg.items[n-group], next); n = len(pg.items) {
			pg.items = pg.items[:n-group]
		}
	}
	return nil
}
