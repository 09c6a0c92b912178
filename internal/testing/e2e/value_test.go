package e2e

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// What gets lost or changed where bytes are taken for text, a pattern, a number, a
// cursor or the protocol.
var (
	starts = []string{"", "user:", "k", "\r\n", "\xff\xfe", "\x00", "\x01", " ", "é", "*[?]\\^", "{tag}", "_", "$-", "\xc3", "\x00\xff\x00"}
	ends   = []string{"", "", "", "\n", "\x00", ":", "\r", "-", "\xff", "\"'"}
	edges  = []string{"", "\x00", "\r\n", "$-1\r\n", "*0\r\n", "nil", "0", "-1", "\xff\xfe\xfd", "é", " ", "\x80\x04\x95"}
)

// name returns bytes that it returns for no other i: the first digits in them are i.
func name(rng *rand.Rand, i int, nul bool) []byte {
	for {
		b := []byte(starts[rng.IntN(len(starts))])
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, ends[rng.IntN(len(ends))]...)
		if rng.IntN(4) == 0 {
			b = append(b, '/')
			b = append(b, noise(rng, rng.IntN(40))...)
		}
		if nul || !slices.Contains(b, 0) {
			return b
		}
	}
}

// content returns a value or an element: nothing, an edge, a number, or bytes at random.
func content(rng *rand.Rand) []byte {
	switch rng.IntN(200) {
	case 0:
		return noise(rng, rng.IntN(4<<10))
	case 1, 2, 3, 4, 5:
		return []byte{}
	}
	switch rng.IntN(6) {
	case 0:
		return []byte(edges[rng.IntN(len(edges))])
	case 1:
		return strconv.AppendInt(nil, rng.Int64()>>rng.IntN(64), 10)
	case 2:
		return []byte(strings.Repeat("all the same ", rng.IntN(8)))
	}
	return noise(rng, rng.IntN(60))
}

// noise returns n bytes at random.
func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return b[:n]
}

var scores = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.1, 1e308, -1e308, math.Inf(1), math.Inf(-1), math.MaxFloat64,
	smallestNormal, -smallestNormal, 1.0 / 3, 1<<53 + 2, 1 << 63, 1e-7, 123456.789,
}

const smallestNormal = 0x1p-1022

// score returns a special score, or any that is neither NaN nor subnormal.
func score(rng *rand.Rand) float64 {
	if rng.IntN(3) == 0 {
		return scores[rng.IntN(len(scores))]
	}
	for {
		f := math.Float64frombits(rng.Uint64())
		if !math.IsNaN(f) && (f == 0 || math.Abs(f) >= smallestNormal) {
			return f
		}
	}
}

// scoreText writes a score as servers read it.
func scoreText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
