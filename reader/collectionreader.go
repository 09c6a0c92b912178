package reader

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// collectionReader reads collections: the first piece of many keys in one pipeline, the
// rest of large ones alone.
type collectionReader struct {
	w *scan
	c collection

	start position // of every key; ask does not change it
	pos   position // of the key that is handed over
}

func (cr *collectionReader) most() int { return cr.w.s.o.PieceElements }

func (cr *collectionReader) word() (string, int) { return string(cr.w.pass.Type), 1 }

func (cr *collectionReader) ask(b *resp.Batch, key []byte, n int) { cr.c.ask(b, key, &cr.start, n) }

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
	lim := w.s.adaptiveLimit(n, w.s.o.PieceElements)
	lim.saw(n, p.Offset()-from)
	return cr.putRest(ctx, r, &cr.pos, lim)
}
