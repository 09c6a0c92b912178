package minitarget

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A name is a key in a namespace.
type name struct{ namespace, key string }

// Types in the metadata of a key.
const (
	typeString = 1
	typeHash   = 2
	typeList   = 3
	typeSet    = 4
	typeZset   = 5
	typeStream = 8
)

// typeNames are what TYPE answers.
var typeNames = map[byte]string{
	typeString: "string", typeHash: "hash", typeList: "list", typeSet: "set", typeZset: "zset",
	typeStream: "stream",
}

// A head is the metadata of a key: all that its row in that column family says.
type head struct {
	kind          byte
	expire        uint64 // in ms; 0: never
	value         string // of a string
	version, size uint64
	first, end    uint64 // of a list: index of its first element, and behind its last
	stream        format.StreamState
}

// A cursor reads big-endian fields. After the first that is not there it is bad, and reads zeros.
type cursor struct {
	rest string
	bad  bool
}

func (c *cursor) take(n uint64) string {
	if n > uint64(len(c.rest)) {
		c.bad, c.rest = true, ""
		return ""
	}
	s := c.rest[:n]
	c.rest = c.rest[n:]
	return s
}

func (c *cursor) number(size uint64) (n uint64) {
	for _, b := range []byte(c.take(size)) {
		n = n<<8 | uint64(b)
	}
	return n
}

// text takes a string behind its length, a varint.
func (c *cursor) text() string { return c.take(c.varint()) }

func (c *cursor) varint() uint64 {
	n, size := binary.Uvarint([]byte(c.rest[:min(len(c.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		size = len(c.rest) + 1
	}
	c.take(uint64(size))
	return n
}

func (c *cursor) id() format.StreamID { return format.StreamID{Ms: c.number(8), Seq: c.number(8)} }

// parseName takes the key of a metadata row: u8 length, namespace, key.
func parseName(row string) (name, bool) {
	c := cursor{rest: row}
	n := name{namespace: c.take(c.number(1))}
	n.key = c.rest
	return n, !c.bad
}

// parseHead takes metadata in the 64-bit encoding.
func parseHead(row string) (h head, ok bool) {
	c := cursor{rest: row}
	flags := byte(c.number(1))
	h.kind = flags & 0x0f
	if h.expire = c.number(8); h.kind == typeString {
		h.value, c.rest = c.rest, ""
		return h, flags == 0x80|h.kind && !c.bad
	}
	h.version, h.size = c.number(8), c.number(8)
	switch h.kind {
	case typeList:
		h.first, h.end = c.number(8), c.number(8)
	case typeStream:
		h.stream.LastID = c.id()
		c.take(16) // the recorded first id
		h.stream.MaxDeletedID = c.id()
		c.take(2 * 16) // ids of the first and of the last entry
		h.stream.EntriesAdded = c.number(8)
		c.take(8) // consumer groups
	}
	return h, flags == 0x80|h.kind && typeNames[h.kind] != "" && !c.bad && c.rest == ""
}

// A place is where the subkeys of one version of a key are.
type place struct {
	family byte
	name
	version uint64
}

// parseSubkey takes the key of any other row: u8 length, namespace, u32 length, key, u64 version,
// subkey.
func parseSubkey(family byte, row string) (p place, sub string, ok bool) {
	c := cursor{rest: row}
	p.family = family
	p.namespace = c.take(c.number(1))
	p.key = c.take(c.number(4))
	p.version = c.number(8)
	return p, c.rest, !c.bad
}

// parseScore takes a score: its bits with the sign flipped, all flipped if it is negative.
func parseScore(s string) (float64, bool) {
	c := cursor{rest: s}
	bits := c.number(8)
	if bits>>63 == 1 {
		bits ^= 1 << 63
	} else {
		bits = ^bits
	}
	return math.Float64frombits(bits), !c.bad && c.rest == ""
}

func scoreBytes(score float64) string {
	bits := math.Float64bits(score)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits ^= 1 << 63
	}
	return string(binary.BigEndian.AppendUint64(nil, bits))
}

// parseEntry takes the fields and values of a stream's entry, each behind its length.
func parseEntry(value string) (fields []string, ok bool) {
	c := cursor{rest: value}
	for c.rest != "" {
		fields = append(fields, c.text())
	}
	return fields, !c.bad && len(fields) > 0 && len(fields)%2 == 0
}

func entryBytes(fields []string) string {
	b := []byte{}
	for _, f := range fields {
		b = append(binary.AppendUvarint(b, uint64(len(f))), f...)
	}
	return string(b)
}

func numberBytes(numbers ...uint64) string {
	b := []byte{}
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return string(b)
}

// A row is what one record of a write batch does to one row of the store.
type row struct {
	family     byte
	key, value string
	deleted    bool
}

// Column families of a Kvrocks that hold keys.
const (
	subkeys  = 0
	metadata = 1
	scores   = 2
	entries  = 5
	families = 7
)

// Tags of the records of a write batch.
const (
	tagDelete       = 0x00
	tagPut          = 0x01
	tagLog          = 0x03
	tagFamilyDelete = 0x04
	tagFamilyPut    = 0x05
)

// errFamily is for a column family that there is not. All other errors are of corruption.
var errFamily = errors.New("invalid column family")

// decodeBatch decodes a RocksDB WriteBatch: 8 bytes sequence, 4 bytes count (both little endian),
// records. With an error it returns the records before the fault.
func decodeBatch(b []byte) (rows []row, err error) {
	if len(b) < 12 {
		return nil, errors.New("malformed WriteBatch (too small)")
	}
	count := binary.LittleEndian.Uint32(b[8:])
	for c := (cursor{rest: string(b[12:])}); c.rest != ""; {
		r, tag := row{}, c.number(1)
		if tag == tagFamilyPut || tag == tagFamilyDelete {
			family := c.varint()
			if c.bad {
				return rows, errors.New("bad WriteBatch Put")
			}
			if family >= families {
				return rows, errFamily
			}
			r.family = byte(family)
		}
		what := "Put"
		switch tag {
		case tagPut, tagFamilyPut:
			r.key, r.value = c.text(), c.text()
		case tagDelete, tagFamilyDelete:
			what, r.deleted, r.key = "Delete", true, c.text()
		case tagLog:
			what = "Blob"
			c.text()
		default:
			return rows, fmt.Errorf("unknown WriteBatch tag: %d", tag)
		}
		if c.bad {
			return rows, errors.New("bad WriteBatch " + what)
		}
		if tag != tagLog { // it is no row, and not counted
			rows = append(rows, r)
		}
	}
	if int(count) != len(rows) {
		return rows, errors.New("WriteBatch has wrong count")
	}
	return rows, nil
}
