package minitarget

import (
	"encoding/binary"
	"errors"
	"fmt"
)

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
	for b = b[12:]; len(b) > 0; {
		r, ok := row{}, true
		tag := b[0]
		b = b[1:]
		if tag == tagFamilyPut || tag == tagFamilyDelete {
			family, n := binary.Uvarint(b)
			if n <= 0 {
				return rows, errors.New("bad WriteBatch Put")
			}
			if family >= families {
				return rows, errFamily
			}
			r.family, b = byte(family), b[n:]
		}
		switch tag {
		case tagPut, tagFamilyPut:
			if r.key, b, ok = cutString(b); ok {
				r.value, b, ok = cutString(b)
			}
			if !ok {
				return rows, errors.New("bad WriteBatch Put")
			}
		case tagDelete, tagFamilyDelete:
			r.deleted = true
			if r.key, b, ok = cutString(b); !ok {
				return rows, errors.New("bad WriteBatch Delete")
			}
		case tagLog:
			if _, b, ok = cutString(b); !ok {
				return rows, errors.New("bad WriteBatch Blob")
			}
			continue // is no row, and not counted
		default:
			return rows, fmt.Errorf("unknown WriteBatch tag: %d", tag)
		}
		rows = append(rows, r)
	}
	if int(count) != len(rows) {
		return rows, errors.New("WriteBatch has wrong count")
	}
	return rows, nil
}

// cutString cuts off a string behind its length, a varint.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", b, false
	}
	b = b[size:]
	return string(b[:n]), b[n:], true
}
