package reader

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// late reads names of which it turned out only now that they were listed for a type.
func (cw *cursorScan) late(ctx context.Context, names []lateName) error {
	for _, n := range names {
		b := cw.blocks[n.at]
		if b.w.sink == nil || b.w.full() {
			continue
		}
		exp := expiries{x: &b.w.exchange, typ: b.w.pass.Type}
		piece := cw.piece.n
		cw.b.Reset()
		var buf resp.Buffer
		p, _, err := b.w.roundTripOrFewer(ctx, &cw.b, &buf, 1, &piece, func() {
			b.reader.ask(&cw.b, n.name, piece)
			exp.ask(&cw.b, [][]byte{n.name}, []int{0})
		})
		if err != nil {
			return err
		}
		value := *p
		ok, err := holdsType(p, b.w.pass.Type)
		if err != nil {
			return err
		}
		if err := exp.read(ctx, p); err != nil {
			return err
		}
		if ok && !isGone(exp.at[0]) {
			b.w.kept++
			if err := b.w.put(ctx, b.reader, &value, [][]byte{n.name}, exp.at[0], piece); err != nil {
				return err
			}
		}
	}
	return nil
}
