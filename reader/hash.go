package reader

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// hash reads by PKHSCANRANGE: stateless, in byte order of the fields, past the cache
// (SERVERS.md P1, P12).
type hash struct{}

func (hash) kind() format.Kind { return format.Hash }

func (hash) ask(b *resp.Batch, key []byte, pos *position, n int) {
	b.Add("PKHSCANRANGE", key, pos.next, "", "LIMIT", n)
}

func (hash) look(b *resp.Batch, key []byte, n int) { b.Add("PKHSCANRANGE", key, "", "", "LIMIT", n) }

func (hash) seen(p *resp.Replies, pos *position) error { return pos.sameHead(p, format.TypeHash, 2) }

func (hash) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from := len(r.Elems)
	next, elems := p.Page(r.Elems, 2)
	r.Elems = ascending(p, elems, from, 2, pos, len(next) > 0)
	if p.Err() != nil || len(next) == 0 {
		return false, p.Err()
	}
	if pos.next != nil && string(next) <= string(pos.next) {
		return false, p.Odd("next field %s", resp.Quote(next))
	}
	pos.next = append([]byte(nil), next...)
	return true, nil
}

// hashx reads by HSCANX, which is the PKHSCANRANGE of 3.0.3 and 3.0.4.
type hashx struct{ hash }

func (hashx) ask(b *resp.Batch, key []byte, pos *position, n int) {
	b.Add("HSCANX", key, pos.next, "COUNT", n)
}

func (hashx) look(b *resp.Batch, key []byte, n int) { b.Add("HSCANX", key, "", "COUNT", n) }
