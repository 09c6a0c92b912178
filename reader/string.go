package reader

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
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
		var err error
		if value, err = p.BulkOrNil(); err != nil {
			return err
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
		if h, ok := s.w.sink.(HyperLogLogSink); ok {
			h.HyperLogLog(key, Estimate(value))
		}
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

const (
	hllBytes    = 131072 // registers of Pika's hyperloglog, a byte each
	hllRegister = 16     // the largest value of one
)

// isHyperLogLog tells a hyperloglog from a string. 4.0 tags them, and PFCOUNT tells;
// before, it reads beyond short values and any string looks like one, so length and
// register range decide (SERVERS.md P11). They do so as well for keys with a line end,
// which 4.0 puts into its error as it is: what follows would be taken for replies.
func (w *scan) isHyperLogLog(ctx context.Context, key, value []byte) (bool, error) {
	if len(value) != hllBytes {
		return false, nil
	}
	if !w.s.source.ManyTypes() && !bytes.ContainsAny(key, "\r\n") {
		p, err := w.c.do(ctx, "PFCOUNT", key)
		if err != nil {
			return false, err
		}
		var re *ReplyError
		if _, err = p.Integer(); errors.As(err, &re) && re.WrongType() {
			return false, nil
		} else if re == nil {
			return err == nil, err
		}
	}
	largest := slices.Max(value)
	return largest > 0 && largest <= hllRegister, nil
}

// Estimate returns about how many members a hyperloglog counts, as Pika's PFCOUNT
// does: of one byte per register, with the corrections of Flajolet and others,
// "HyperLogLog" (2007), for few members and for hashes of 32 bits.
func Estimate(registers []byte) int64 {
	m := float64(len(registers))
	if m == 0 {
		return 0
	}
	sum, zeros := 0.0, 0.0
	for _, r := range registers {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zeros++
		}
	}
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	switch {
	case e <= 2.5*m && zeros > 0:
		e = m * math.Log(m/zeros)
	case e > 1<<32/30.0 && e < 1<<32:
		e = -(1 << 32) * math.Log1p(-e/(1<<32))
	}
	return int64(e)
}
