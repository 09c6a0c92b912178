package reader

import (
	"context"
	"errors"
	"math/bits"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Sampled is one key of a sample.
type Sampled struct {
	// Record is the key with its value, or, of a large collection, with its first
	// piece: then Part is PartFirst only. Valid until the callback returns.
	Record *format.Record
	Length int64 // elements of a collection, all in all; bytes of a string
	Types  int   // how many types have the name; 0: not asked
}

// sampleKey reads one key, of a large collection only the first piece and the length, and hands it
// over unless it is gone. With types it also counts in how many types the name stands.
func (w *scan) sampleKey(ctx context.Context, key []byte, types bool, each func(Sampled) error) error {
	sampled, err := w.sample(ctx, key)
	if errors.As(err, new(*ReplyError)) && !errors.Is(err, ErrAuth) { // of another type, or it cannot be read: the dump will say so
		return nil
	}
	if err != nil || sampled.Record == nil {
		return err
	}
	if types && w.s.source.ManyTypes() {
		if sampled.Types, err = w.countTypes(ctx, key); err != nil {
			return err
		}
	}
	return each(sampled)
}

// lengthCommands give the number of elements of a key.
var lengthCommands = map[format.Type]string{
	format.TypeHash: "HLEN", format.TypeList: "LLEN", format.TypeSet: "SCARD", format.TypeZset: "ZCARD", format.TypeStream: "XLEN",
}

// sample reads one key. The record is nil if the key is gone.
func (w *scan) sample(ctx context.Context, key []byte) (Sampled, error) {
	var b resp.Batch
	exp := expiries{x: &w.exchange, typ: w.pass.Type}
	switch w.pass.Type {
	case format.TypeStream:
		return w.sampleStream(ctx, key)
	case format.TypeString:
		exp.ask(&b, [][]byte{key}, []int{0})
		b.Add("PKSCANRANGE", "string_with_value", key, key, "LIMIT", 1)
		p, _, err := w.roundTripOrLess(ctx, &b, &w.pieces[0], 1, func() bool { return false })
		if errors.Is(err, resp.ErrTooLarge) {
			return Sampled{}, nil
		}
		if err != nil {
			return Sampled{}, err
		}
		if err := exp.read(ctx, p); err != nil {
			return Sampled{}, err
		}
		var pg page
		if err := w.readPage(p, &pg, nil, 2); err != nil || len(pg.items) == 0 || isGone(exp.at[0]) {
			return Sampled{}, err
		}
		hll, err := w.isHyperLogLog(ctx, key, pg.items[1])
		if err != nil {
			return Sampled{}, err
		}
		r := w.head(format.String, key, exp.at[0])
		if hll {
			r.Kind = format.HyperLogLog
		}
		r.Part, r.Value = format.PartWhole, pg.items[1]
		return Sampled{Record: r, Length: int64(len(r.Value))}, nil
	}
	col := w.s.collection(w.pass.Type)
	var pos position
	n := w.s.o.PieceElements
	p, _, err := w.roundTripOrFewer(ctx, &b, &w.pieces[0], 1, &n, func() {
		exp.ask(&b, [][]byte{key}, []int{0})
		b.Add(lengthCommands[w.pass.Type], key)
		col.ask(&b, key, &pos, n)
	})
	if err != nil {
		return Sampled{}, err
	}
	if err := exp.read(ctx, p); err != nil {
		return Sampled{}, err
	}
	length := p.Integer()
	r := w.head(col.kind(), key, exp.at[0])
	more, err := col.read(p, &pos, n, r)
	if err != nil || isGone(exp.at[0]) || len(r.Elems) == 0 {
		return Sampled{}, err
	}
	if !more {
		r.Part = format.PartWhole
	}
	return Sampled{Record: r, Length: length}, nil
}

func (w *scan) sampleStream(ctx context.Context, key []byte) (Sampled, error) {
	var b resp.Batch
	n := w.s.o.PieceElements
	p, _, err := w.roundTripOrFewer(ctx, &b, &w.pieces[0], 1, &n, func() {
		b.Add("XLEN", key)
		b.Add("XRANGE", key, "-", "+", "COUNT", n)
	})
	if err != nil {
		return Sampled{}, err
	}
	length := p.Integer()
	r := w.head(format.Stream, key, 0)
	if readEntries(p, r); p.Err() != nil || length == 0 {
		return Sampled{}, p.Err()
	}
	return Sampled{Record: r, Length: length}, nil
}

// countTypes returns in how many types the name stands, by range commands: they are never
// answered from a cache.
func (w *scan) countTypes(ctx context.Context, key []byte) (int, error) {
	var b resp.Batch
	l := look{x: &w.exchange, types: format.Types[:5], keys: [][]byte{key}, n: 1}
	l.ask(&b)
	p := w.c.ask(ctx, &b, &resp.Buffer{})
	l.read(p)
	return bits.OnesCount8(uint8(l.held[0] &^ unseen)), p.Err()
}
