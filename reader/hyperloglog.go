package reader

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
)

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
		p := w.c.do(ctx, "PFCOUNT", key)
		p.Integer()
		var re *ReplyError
		if errors.As(p.Err(), &re) && re.WrongType() {
			return false, nil
		} else if re == nil {
			return p.Err() == nil, p.Err()
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
