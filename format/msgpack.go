package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The msgpack that records need, written and read by hand: the library's reflection costs 10 to 30
// times as much. TestMsgpackLibrary and FuzzMsgpackLibrary hold both to the same bytes.

// Type bytes of the msgpack specification.
const (
	mpFixMap   = 0x80
	mpFixArray = 0x90
	mpFixStr   = 0xa0
	mpNil      = 0xc0
	mpFalse    = 0xc2
	mpTrue     = 0xc3
	mpBin8     = 0xc4
	mpBin16    = 0xc5
	mpBin32    = 0xc6
	mpFloat64  = 0xcb
	mpUint8    = 0xcc
	mpUint16   = 0xcd
	mpUint32   = 0xce
	mpUint64   = 0xcf
	mpStr8     = 0xd9
	mpStr16    = 0xda
	mpStr32    = 0xdb
	mpArray16  = 0xdc
	mpArray32  = 0xdd
	mpMap16    = 0xde
	mpMap32    = 0xdf
)

func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, mpUint8, byte(v))
	case v <= math.MaxUint16:
		return append(dst, mpUint16, byte(v>>8), byte(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, mpUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, mpUint64), v)
}

func appendFloat(dst []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, mpFloat64), math.Float64bits(v))
}

func appendArray(dst []byte, n int) []byte {
	switch {
	case n < 16:
		return append(dst, mpFixArray|byte(n))
	case n <= math.MaxUint16:
		return append(dst, mpArray16, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, mpArray32), uint32(n))
}

func appendBin(dst, b []byte) []byte {
	switch n := len(b); {
	case n <= math.MaxUint8:
		dst = append(dst, mpBin8, byte(n))
	case n <= math.MaxUint16:
		dst = append(dst, mpBin16, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, mpBin32), uint32(n))
	}
	return append(dst, b...)
}

var errCut = errors.New("a value is cut short")

// A cursor reads msgpack values from a frame. The first error sticks: callers
// check err once per record. Lengths are compared with what is left of the frame
// before anything is sliced or allocated.
type cursor struct {
	buf []byte
	off int
	err error
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
		c.off = min(c.off, len(c.buf))
	}
}

func (c *cursor) take(n uint64) []byte {
	if c.err != nil || n > uint64(len(c.buf)-c.off) {
		c.fail(errCut)
		return nil
	}
	end := c.off + int(n)
	b := c.buf[c.off:end:end]
	c.off = end
	return b
}

// size reads a big-endian number of width bytes.
func (c *cursor) size(width uint64) uint64 {
	n := uint64(0)
	for _, b := range c.take(width) {
		n = n<<8 | uint64(b)
	}
	return n
}

// length reads the head of a value: the low bits of a type fix, or behind the type wide a number of
// width bytes, behind the next type one of twice as many, up to 4.
func (c *cursor) length(what string, fix, bits, wide byte, width uint64) uint64 {
	t := c.typeByte()
	if bits != 0 && t&^bits == fix {
		return uint64(t & bits)
	}
	for ; width <= 4; width, wide = 2*width, wide+1 {
		if t == wide {
			return c.size(width)
		}
	}
	c.wrong(what, t)
	return 0
}

func (c *cursor) typeByte() byte {
	if c.err != nil || c.off >= len(c.buf) {
		c.fail(errCut)
		return mpNil
	}
	c.off++
	return c.buf[c.off-1]
}

func (c *cursor) wrong(want string, got byte) {
	if c.err != nil {
		return
	}
	c.off--
	c.fail(fmt.Errorf("msgpack type 0x%02x where %s must stand", got, want))
}

func (c *cursor) bin() []byte {
	// Nearly all are short.
	if i := c.off; c.err == nil && i+2 <= len(c.buf) && c.buf[i] == mpBin8 {
		if end := i + 2 + int(c.buf[i+1]); end <= len(c.buf) {
			c.off = end
			return c.buf[i+2 : end : end]
		}
	}
	return c.binMax(MaxBulk)
}

func (c *cursor) binMax(most uint64) []byte {
	n := c.length("bin", 0, 0, mpBin8, 1)
	if n > most {
		c.fail(fmt.Errorf("value of %d bytes: %w", n, ErrLimit))
		return nil
	}
	return c.take(n)
}

func (c *cursor) uint() uint64 {
	if c.err == nil && c.off < len(c.buf) && c.buf[c.off] < 0x80 {
		c.off++
		return uint64(c.buf[c.off-1])
	}
	return c.longUint()
}

// longUint reads an integer of more than a byte.
func (c *cursor) longUint() uint64 {
	t := c.typeByte()
	switch {
	case mpUint8 <= t && t <= mpUint64:
		return c.size(1 << (t - mpUint8))
	case t >= 0x80:
		c.wrong("an unsigned integer", t)
	}
	return uint64(t)
}

func (c *cursor) float() float64 {
	if t := c.typeByte(); t != mpFloat64 {
		c.wrong("a float64", t)
		return 0
	}
	return math.Float64frombits(c.size(8))
}

// array reads an array's length. Every value takes a byte at least, so a length
// above what is left of the frame is damage.
func (c *cursor) array() int {
	n := c.length("an array", mpFixArray, 0x0f, mpArray16, 2)
	switch {
	case n > MaxElements:
		c.fail(fmt.Errorf("array of %d values: %w", n, ErrLimit))
	case n > uint64(len(c.buf)-c.off):
		c.fail(errCut)
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

// null reports whether the next value is nil, and takes it if so.
func (c *cursor) null() bool {
	if c.err == nil && c.off < len(c.buf) && c.buf[c.off] == mpNil {
		c.off++
		return true
	}
	return false
}

// AppendRecord appends the msgpack of r to dst and returns the longer slice. It
// does not check r: Validate does.
func AppendRecord(dst []byte, r *Record) []byte {
	dst = append(dst, mpFixArray|byte(kinds[r.Kind].values), byte(r.Kind))
	dst = appendBin(dst, r.Key)
	if r.Kind == Deleted {
		return dst
	}
	dst = appendUint(dst, uint64(r.Expire))
	if r.Kind == HyperLogLog {
		return appendBin(dst, r.Value)
	}
	dst = append(dst, byte(r.Part))
	switch r.Kind {
	case String:
		return appendBin(dst, r.Value)
	case Zset:
		dst = appendArray(dst, 2*len(r.Elems))
		for i, m := range r.Elems {
			dst = appendFloat(appendBin(dst, m), r.Scores[i])
		}
		return dst
	case Stream:
		return appendStream(dst, r)
	}
	return appendBins(dst, r.Elems)
}

func appendBins(dst []byte, bins [][]byte) []byte {
	dst = appendArray(dst, len(bins))
	for _, b := range bins {
		dst = appendBin(dst, b)
	}
	return dst
}

func appendStream(dst []byte, r *Record) []byte {
	dst = appendArray(dst, len(r.Entries))
	for i := range r.Entries {
		e := &r.Entries[i]
		dst = appendArray(dst, 3)
		dst = appendUint(appendUint(dst, e.ID.Ms), e.ID.Seq)
		dst = appendBins(dst, e.Fields)
	}
	s := r.State
	if s == nil {
		return append(dst, mpNil)
	}
	dst = appendArray(dst, 5)
	dst = appendUint(appendUint(dst, s.LastID.Ms), s.LastID.Seq)
	dst = appendUint(appendUint(dst, s.MaxDeletedID.Ms), s.MaxDeletedID.Seq)
	return appendUint(dst, s.EntriesAdded)
}
