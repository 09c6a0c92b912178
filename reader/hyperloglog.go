package reader

import "math"

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
