package reader

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// list reads by LRANGE, which goes straight to an offset however deep (SERVERS.md P12).
type list struct{}

func (list) kind() format.Kind { return format.List }

func (list) ask(b *batch, key []byte, pos *position, n int) {
	b.add("LRANGE", key, pos.count, pos.count+int64(n)-1)
}

func (list) read(p *parser, pos *position, n int, r *format.Record) (bool, error) {
	from := len(r.Elems)
	var err error
	if r.Elems, err = p.bulks(r.Elems, 1); err != nil {
		return false, err
	}
	got := len(r.Elems) - from
	if got > n {
		return false, &ReplyError{p.asked(), "more elements than asked for"}
	}
	pos.count += int64(got)
	return got == n, nil
}
