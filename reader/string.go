package reader

import (
	"context"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// partBytes is how much of a string one record holds.
const partBytes = 1 << 20

// stringReader hands over strings, whose values come with the page, or by GET.
type stringReader struct {
	w   *scan
	get bool
}

func (s stringReader) word() (string, int) {
	if s.get {
		return "string", 1
	}
	return "string_with_value", 2
}

func (s stringReader) ask(b *resp.Batch, key []byte, _ int) {
	if s.get {
		b.Add("GET", key)
	}
}

func (stringReader) most() int { return 1 }

func (s stringReader) put(ctx context.Context, p *resp.Replies, items [][]byte, expire int64, _ int) error {
	key := items[0]
	var value []byte
	if !s.get {
		value = items[1]
	} else {
		if value = p.BulkOrNil(); p.Err() != nil {
			return p.Err()
		}
	}
	if isGone(expire) || value == nil {
		return s.w.gone(key, expire)
	}
	if len(value) > format.MaxBulk {
		return s.w.sink.Skip(key, TooLarge, strconv.Itoa(len(value))+" bytes")
	}
	hll, err := s.w.isHyperLogLog(ctx, key, value)
	if err != nil {
		return err
	}
	if hll {
		r := s.w.head(format.HyperLogLog, key, expire)
		r.Part, r.Value = format.PartWhole, value
		return s.w.sink.Record(r)
	}
	r := s.w.head(format.String, key, expire)
	for len(value) > partBytes {
		r.Value, value = value[:partBytes], value[partBytes:]
		if err := s.w.sink.Record(r); err != nil {
			return err
		}
		r.Part = 0
	}
	r.Value = value
	r.Part |= format.PartLast
	return s.w.sink.Record(r)
}
