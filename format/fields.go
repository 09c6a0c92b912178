package format

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Header and footer are maps. They are read by hand as records are: the library
// allocates what a length declares, recurses as deep as a file wants, and takes a key
// that is missing or comes twice without a word.

func (c *cursor) skipped() SkippedKey {
	if n := c.array(); n != 3 && c.err == nil {
		c.fail(fmt.Errorf("skipped key of %d values, not 3", n))
	}
	return SkippedKey{slices.Clone(c.bin()), c.str(), c.str()}
}

func (c *cursor) stats(version int, s *Stats) {
	fields := []field{
		{"records", func() { s.Records = int64(c.int()) }},
		{"keys", func() { s.Keys = int64(c.int()) }},
		{"elements", func() { s.Elements = int64(c.int()) }},
		{"expiring", func() { s.Expiring = int64(c.int()) }},
		{"raw", func() { s.Raw = int64(c.int()) }},
	}
	if version == Version2 {
		fields = append(fields, field{"deleted", func() { s.Deleted = int64(c.int()) }})
	}
	c.fields(fields)
}

// A field is one of a map, and what reads its value.
type field struct {
	name string
	read func()
}

// fields reads a map that has each of the fields once and nothing else.
func (c *cursor) fields(all []field) {
	n := c.mapSize()
	seen := make([]bool, len(all))
	for i := 0; i < n && c.err == nil; i++ {
		name := c.str()
		at := slices.IndexFunc(all, func(f field) bool { return f.name == name })
		switch {
		case c.err != nil:
			return
		case at < 0:
			c.fail(fmt.Errorf("unknown field %q", short([]byte(name))))
			return
		case seen[at]:
			c.fail(fmt.Errorf("field %q stands twice", name))
			return
		}
		seen[at] = true
		all[at].read()
	}
	if at := slices.Index(seen, false); at >= 0 && c.err == nil {
		c.fail(fmt.Errorf("field %q is missing", all[at].name))
	}
}

// end reports the first error, or that bytes are left over.
func (c *cursor) end() error {
	if c.err == nil && c.off != len(c.buf) {
		c.fail(errors.New("bytes follow the map"))
	}
	if c.err != nil {
		return fmt.Errorf("at byte %d of the frame: %w", c.off, c.err)
	}
	return nil
}

// mapSize reads a map's number of pairs.
func (c *cursor) mapSize() int {
	n := c.length("a map", mpFixMap, 0x0f, mpMap16, 2)
	if n > uint64(len(c.buf)-c.off)/2 {
		c.fail(errCut)
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

func (c *cursor) str() string { return string(c.take(c.length("a string", mpFixStr, 0x1f, mpStr8, 1))) }

func (c *cursor) bool() bool {
	t := c.typeByte()
	if t != mpFalse && t != mpTrue {
		c.wrong("a boolean", t)
	}
	return t == mpTrue
}

// int reads an unsigned integer that an int64 and an int can hold.
func (c *cursor) int() int {
	n := c.uint()
	if n > math.MaxInt {
		c.fail(fmt.Errorf("number %d: %w", n, ErrLimit))
		return 0
	}
	return int(n)
}

// skip takes one value of any type, without recursion. No announced length may be
// above what is left of the frame.
func (c *cursor) skip() {
	for left := uint64(1); left > 0 && c.err == nil; left-- {
		left += c.skipHead()
		if left > uint64(len(c.buf)-c.off)+1 {
			c.fail(errCut)
		}
	}
}

// wide says of each type from mpNil to mpMap32 how many bytes give its length, how many follow
// beside those, and, of an array or map, how many values one of its length is.
var wide = [32]struct{ size, more, values uint64 }{
	mpBin8 - mpNil: {1, 0, 0}, {2, 0, 0}, {4, 0, 0},
	0xc7 - mpNil: {1, 1, 0}, {2, 1, 0}, {4, 1, 0}, // ext, and a byte for its type
	0xca - mpNil: {0, 4, 0}, {0, 8, 0}, // floats
	mpUint8 - mpNil: {0, 1, 0}, {0, 2, 0}, {0, 4, 0}, {0, 8, 0},
	0xd0 - mpNil: {0, 1, 0}, {0, 2, 0}, {0, 4, 0}, {0, 8, 0}, // signed integers
	0xd4 - mpNil: {0, 2, 0}, {0, 3, 0}, {0, 5, 0}, {0, 9, 0}, {0, 17, 0}, // fixext
	mpStr8 - mpNil: {1, 0, 0}, {2, 0, 0}, {4, 0, 0},
	mpArray16 - mpNil: {2, 0, 1}, {4, 0, 1},
	mpMap16 - mpNil: {2, 0, 2}, {4, 0, 2},
}

// skipHead takes a value, of an array or map only the head, and returns how many
// values that head announces.
func (c *cursor) skipHead() uint64 {
	switch t := c.typeByte(); {
	case t < 0x80 || t > mpMap32: // an integer of one byte
	case t < mpFixArray:
		return 2 * uint64(t&0x0f)
	case t < mpFixStr:
		return uint64(t & 0x0f)
	case t < mpNil:
		c.take(uint64(t & 0x1f))
	case t == 0xc1:
		c.wrong("a msgpack value", t)
	default:
		w := wide[t-mpNil]
		n := c.size(w.size)
		if w.values > 0 {
			return w.values * n
		}
		c.take(n + w.more)
	}
	return 0
}
