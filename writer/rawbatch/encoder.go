package rawbatch

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// The types of a Kvrocks, behind wide: the bit that says that sizes and expiries have 64 bits.
const (
	typeString = 1
	typeHash   = 2
	typeList   = 3
	typeSet    = 4
	typeZset   = 5
	typeStream = 8
	wide       = 0x80
)

var types = [...]byte{
	format.String: typeString, format.Hash: typeHash, format.List: typeList,
	format.Set: typeSet, format.Zset: typeZset, format.Stream: typeStream,
}

// listStart is the index of the first element of a list, from which it can grow both ways.
const listStart = math.MaxInt64

// ownVersions is the bit that no version of a Kvrocks has.
const ownVersions = 1 << 63

// An Encoder fills batches with keys of one namespace. It is for one goroutine.
type Encoder struct {
	batch   batch
	prefix  []byte // namespace, behind its length
	version uint64 // of the key

	// Of the key that is being encoded:
	kind        byte
	expire      int64
	name        []byte // prefix and key, as the metadata has it
	sub         []byte // what all subkeys begin with
	size        uint64
	logged      bool // log data stand before its subkeys in this batch
	first, last format.StreamID
	scratch     []byte
}

// New returns an Encoder of keys of a namespace: the name behind the token; that of the requirepass
// is "__namespace".
func New(namespace string) (*Encoder, error) {
	if len(namespace) == 0 || len(namespace) > math.MaxUint8 {
		return nil, fmt.Errorf("a namespace has 1 to 255 bytes, not %d", len(namespace))
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	e := &Encoder{version: binary.BigEndian.Uint64(seed[:]), scratch: make([]byte, 0, 256)}
	e.prefix = append([]byte{byte(len(namespace))}, namespace...)
	e.Reset()
	return e, nil
}

// Reset empties the batch. The key that was begun last may go on in the next one.
func (e *Encoder) Reset() {
	e.batch.buf, e.batch.count = append(e.batch.buf[:0], make([]byte, headSize)...), 0
	e.logged = false
}

// Bytes returns the batch, valid until something is added or Reset is called. It must end with
// metadata.
func (e *Encoder) Bytes() []byte {
	binary.LittleEndian.PutUint32(e.batch.buf[countFrom:], e.batch.count)
	return e.batch.buf
}

// Len and Puts return how many bytes and puts the batch has.
func (e *Encoder) Len() int  { return len(e.batch.buf) }
func (e *Encoder) Puts() int { return int(e.batch.count) }

// Size returns how many elements the key that was begun last has so far, in all batches.
func (e *Encoder) Size() int { return int(e.size) }

// Cut takes out whole keys: what stands between two values of Len, with so many puts.
func (e *Encoder) Cut(from, to, puts int) {
	e.batch.buf = slices.Delete(e.batch.buf, from, to)
	e.batch.count -= uint32(puts)
}

// Begin begins a key: a hash, list, set, zset or stream. Its elements follow, then Metadata. Expire
// is in Unix ms; 0: none.
func (e *Encoder) Begin(kind format.Kind, name []byte, expire int64) {
	e.begin(kind, name, expire)
	e.sub = append(e.sub[:0], e.prefix...)
	e.sub = binary.BigEndian.AppendUint32(e.sub, uint32(len(name)))
	e.sub = append(e.sub, name...)
	e.sub = binary.BigEndian.AppendUint64(e.sub, e.version)
}

func (e *Encoder) begin(kind format.Kind, name []byte, expire int64) {
	e.kind, e.expire, e.size, e.logged = types[kind], expire, 0, false
	e.first, e.last = format.StreamID{}, format.StreamID{}
	e.version = ownVersions | (e.version + 1)
	e.name = append(append(e.name[:0], e.prefix...), name...)
}

// String adds a whole string.
func (e *Encoder) String(name, value []byte, expire int64) {
	e.begin(format.String, name, expire)
	e.metadata(e.head(), value)
}

// Add adds an element of r, a record of the key that was begun last. No field, nor member, may be
// added twice.
func (e *Encoder) Add(r *format.Record, i int) {
	switch r.Kind {
	case format.Hash:
		e.subkey(subkeys, r.Elems[2*i])
		e.batch.value(r.Elems[2*i+1])
	case format.List:
		e.scratch = binary.BigEndian.AppendUint64(e.scratch[:0], listStart+e.size)
		e.subkey(subkeys, e.scratch)
		e.batch.value(r.Elems[i])
	case format.Set:
		e.subkey(subkeys, r.Elems[i])
		e.batch.value()
	case format.Zset:
		e.scratch = binary.BigEndian.AppendUint64(e.scratch[:0], sortable(r.Scores[i]))
		e.subkey(subkeys, r.Elems[i])
		e.batch.value(e.scratch)
		e.size-- // the member stands twice, and counts once
		e.subkey(scores, e.scratch, r.Elems[i])
		e.batch.value()
	case format.Stream:
		e.entry(&r.Entries[i])
	}
}

func (e *Encoder) entry(entry *format.Entry) {
	if e.size == 0 {
		e.first = entry.ID
	}
	e.last = entry.ID
	e.scratch = binary.BigEndian.AppendUint64(e.scratch[:0], entry.ID.Ms)
	e.scratch = binary.BigEndian.AppendUint64(e.scratch, entry.ID.Seq)
	e.subkey(entries, e.scratch)
	e.scratch = e.scratch[:0]
	for _, f := range entry.Fields {
		e.scratch = append(binary.AppendUvarint(e.scratch, uint64(len(f))), f...)
	}
	e.batch.value(e.scratch)
}

// subkey begins the put of one of the key's subkeys.
func (e *Encoder) subkey(f family, sub ...[]byte) {
	if !e.logged {
		e.logged = true
		e.log(e.kind == typeList)
	}
	size := len(e.sub)
	for _, s := range sub {
		size += len(s)
	}
	e.batch.put(f, size)
	e.batch.append(e.sub)
	for _, s := range sub {
		e.batch.append(s)
	}
	e.size++
}

// log adds the log data of the key: those of RPUSH, of PEXPIREAT, or the type alone.
func (e *Encoder) log(push bool) {
	switch {
	case push:
		e.batch.log(e.kind, " 7")
	case e.expire != 0 && e.kind != typeStream:
		e.batch.log(e.kind, " 8")
	default:
		e.batch.log(e.kind, "")
	}
}

// Metadata makes what the key has so far visible. It ends each batch that holds elements of the
// key. State is that of a stream, all of whose entries were added.
func (e *Encoder) Metadata(state *format.StreamState) {
	m := e.head()
	number := func(n uint64) { m = binary.BigEndian.AppendUint64(m, n) }
	number(e.version)
	number(e.size)
	switch {
	case e.kind == typeList:
		number(listStart)
		number(listStart + e.size)
		if e.expire != 0 {
			e.log(false)
			e.logged = false
		}
	case state != nil:
		for _, id := range []format.StreamID{state.LastID, e.first, state.Deleted(), e.first, e.last} {
			number(id.Ms)
			number(id.Seq)
		}
		number(state.EntriesAdded)
		number(0) // groups
	}
	e.metadata(m, nil)
}

// head returns what metadata begin with.
func (e *Encoder) head() []byte {
	e.scratch = append(e.scratch[:0], wide|e.kind)
	return binary.BigEndian.AppendUint64(e.scratch, uint64(e.expire))
}

func (e *Encoder) metadata(pieces ...[]byte) {
	e.batch.put(metadata, len(e.name))
	e.batch.append(e.name)
	e.batch.value(pieces...)
}

// sortable returns the bits of a score so that their order as bytes is that of the numbers.
func sortable(score float64) uint64 {
	bits := math.Float64bits(score)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}
