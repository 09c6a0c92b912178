package pikasim

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// Pika's HyperLogLog is a plain string of one byte a register, hashed with
// MurmurHash3_x86_32; no other server counts it.
const (
	hllPrecision = 17
	hllRegisters = 1 << hllPrecision
	hllSeed      = 313
)

func pfadd(c *call) {
	name := c.str(1)
	b, found := c.registers(name)
	changed := !found
	for _, member := range c.args[2:] {
		if len(b) == 0 {
			b = make([]byte, hllRegisters)
		}
		h := murmur3(member)
		i := h & (hllRegisters - 1)
		rank := byte(min(bits.TrailingZeros32(h>>hllPrecision), 32-hllPrecision) + 1)
		if b[i] < rank {
			b[i], changed = rank, true
		}
	}
	// The value is written anew, without the expiry.
	c.db.put(strKind, name, &text{b: b, registers: c.db.oneType})
	c.out.flag(changed)
}

func pfcount(c *call) { c.out.integer(int64(estimate(c.union(make([]byte, hllRegisters))))) }

// union takes the higher registers of all the names of a command; out is the least there is.
func (c *call) union(out []byte) []byte {
	for i := 1; i < len(c.args); i++ {
		b, _ := c.registers(c.str(i))
		if len(out) < len(b) {
			out = make([]byte, hllRegisters)
		}
		for j, r := range b {
			out[j] = max(out[j], r)
		}
	}
	return out
}

// pfmerge is PFMERGE to from ...
func pfmerge(c *call) {
	b := c.union(nil)
	r := c.db.live(strKind, c.str(1), c.now)
	v := &text{b: b, registers: c.db.oneType}
	if r == nil || c.db.oneType {
		c.db.put(strKind, c.str(1), v)
	} else {
		r.value = v // with its expiry
	}
	c.logsNew(words("set", c.str(1), string(b)))
	c.out.ok()
}

// registers is the HyperLogLog of a name. 4.0 knows a plain string from one and says so; ≤3.5 read
// beyond a shorter string, here as many zeros.
func (c *call) registers(name string) (b []byte, found bool) {
	t, found := readName[text](c, name)
	if found && c.db.oneType && !t.registers {
		c.fail("ERR Invalid argument: WRONGTYPE, key: " + name + ",expect type: hyperloglog get type: string")
	}
	return t.b, found
}

// estimate counts linearly, as Pika does below 2.5 members a register.
func estimate(registers []byte) float64 {
	return hllRegisters * math.Log(hllRegisters/float64(bytes.Count(registers, []byte{0})))
}

// murmur3 is MurmurHash3_x86_32 with Pika's seed.
func murmur3(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h, n := uint32(hllSeed), len(b)
	for ; len(b) >= 4; b = b[4:] {
		k := bits.RotateLeft32(binary.LittleEndian.Uint32(b)*c1, 15) * c2
		h = bits.RotateLeft32(h^k, 13)*5 + 0xe6546b64
	}
	if len(b) > 0 {
		var tail [4]byte
		copy(tail[:], b)
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(tail[:])*c1, 15) * c2
	}
	h ^= uint32(n)
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
