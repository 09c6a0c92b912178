package rawbatch

import "encoding/binary"

// A family is a column family of a Kvrocks.
type family byte

const (
	subkeys  family = 0
	metadata family = 1
	scores   family = 2
	entries  family = 5
)

const (
	headSize  = 12   // sequence and count
	tagPut    = 0x01 // into column family 0
	tagLog    = 0x03
	tagPutCF  = 0x05
	countFrom = 8
)

// A batch is a write batch of RocksDB that is being filled.
type batch struct {
	buf   []byte
	count uint32
}

// put begins a put: keySize bytes of key are to follow, then value.
func (b *batch) put(f family, keySize int) {
	b.count++
	if f == subkeys {
		b.buf = append(b.buf, tagPut)
	} else {
		b.buf = append(b.buf, tagPutCF, byte(f))
	}
	b.length(keySize)
}

// value ends a put with its value, in pieces.
func (b *batch) value(pieces ...[]byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	b.length(size)
	for _, p := range pieces {
		b.append(p)
	}
}

// log adds log data: a type, and a command behind it.
func (b *batch) log(kind byte, command string) {
	b.buf = append(append(b.buf, tagLog, byte(1+len(command)), '0'+kind), command...)
}

func (b *batch) append(p []byte) { b.buf = append(b.buf, p...) }
func (b *batch) length(n int)    { b.buf = binary.AppendUvarint(b.buf, uint64(n)) }
