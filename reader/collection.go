package reader

import (
	"bytes"
	"context"

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
	// look adds the command that shows, behind a piece of a key, whether it is still there, and the same one: its length,
	// or its first n elements.
	look(b *resp.Batch, key []byte, n int)
	// seen takes its reply. It returns errGone, or errChanged if the piece does not fit the one before.
	seen(p *resp.Replies, pos *position) error
}

// collections gives each type of collection its reader.
var collections = map[format.Type]collection{
	format.TypeHash: hash{}, format.TypeList: list{}, format.TypeSet: set{}, format.TypeZset: zset{},
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

// collectionReader reads collections: the first piece of many keys in one flight, the
// rest of large ones alone.
type collectionReader struct {
	w *walk
	c collection

	start position // of every key; ask does not change it
	pos   position // of the key that is handed over
}

func newCollectionReader(w *walk, c collection) *collectionReader {
	return &collectionReader{w: w, c: c}
}

func (cr *collectionReader) most() int { return cr.w.s.o.PieceElements }

func (cr *collectionReader) word() (string, int) { return string(cr.w.pass.Type), 1 }

func (cr *collectionReader) ask(b *resp.Batch, key []byte, n int) {
	cr.c.ask(b, key, &cr.start, n)
}

func (cr *collectionReader) put(ctx context.Context, p *resp.Replies, items [][]byte, expire int64, n int) error {
	key, w := items[0], cr.w
	r := w.head(cr.c.kind(), key, expire)
	from := p.Offset()
	cr.pos = position{}
	more, err := cr.c.read(p, &cr.pos, n, r)
	if err != nil {
		return err
	}
	if n := r.Elements(); n > 0 {
		w.element = max(w.element, (p.Offset()-from)/n)
	}
	if isGone(expire) || len(r.Elems) == 0 && !more {
		return w.gone(key, expire)
	}
	if !more {
		r.Part = format.PartWhole
		return w.sink.Record(r)
	}
	lim := w.s.limit(n, w.s.o.PieceElements)
	lim.saw(n, p.Offset()-from)
	return cr.putRest(ctx, r, &cr.pos, lim)
}

// ascending drops from the items behind from, which come in steps of a member and what
// belongs to it, those at or before pos.last; if there are more to come it moves pos.last.
// What a scan delivers is in byte order (SERVERS.md P2), so that after a lost cursor,
// when the server begins anew, nothing is handed over twice.
func ascending(p *resp.Replies, items [][]byte, from, step int, pos *position, more bool) ([][]byte, error) {
	out := items[:from]
	var prev []byte
	for i := from; i < len(items); i += step {
		member := items[i]
		if i > from && bytes.Compare(prev, member) >= 0 {
			return nil, &ReplyError{Command: p.Asked(), Reply: resp.Quote(member) + " after " + resp.Quote(prev) + ": not in byte order"}
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
	return out, nil
}
