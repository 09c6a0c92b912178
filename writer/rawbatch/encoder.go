package rawbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// ErrEncoding: the key cannot be written as a raw batch, and goes by commands.
var ErrEncoding = errors.New("no key for a raw batch")

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

// listStart is the index of the first element of a list, from which it can grow both ways.
const listStart = math.MaxInt64

// MaxString is the most bytes of a string's value that an Encoder takes: it joins the parts.
const MaxString = 16 << 20

// A Keyspace says where keys are.
type Keyspace struct {
	// Namespace is the name behind the token; that of the requirepass is "__namespace".
	Namespace string
	// Slot returns the slot of a key if the server is one of a cluster; otherwise it is nil.
	Slot func(key []byte) int
}

// An Encoder fills batches with keys of one keyspace. It is for one goroutine.
type Encoder struct {
	batch  batch
	prefix []byte // namespace, behind its length
	slot   func(key []byte) int
	key    key
}

// A key is the key that is being encoded.
type key struct {
	open        bool
	kind        format.Kind
	name        []byte // prefix and key, as the metadata has it
	sub         []byte // what all subkeys begin with
	version     uint64
	size        uint64
	value       []byte // of a string: the parts joined
	first, last format.StreamID
}

// New returns an Encoder of keys of ks.
func New(ks Keyspace) (*Encoder, error) {
	if len(ks.Namespace) == 0 || len(ks.Namespace) > math.MaxUint8 {
		return nil, fmt.Errorf("%w: a namespace has 1 to 255 bytes, not %d", ErrEncoding, len(ks.Namespace))
	}
	e := &Encoder{prefix: append([]byte{byte(len(ks.Namespace))}, ks.Namespace...), slot: ks.Slot}
	e.Reset()
	return e, nil
}

// Reset empties the batch. What is known of a key whose last part has not come is kept.
func (e *Encoder) Reset() { e.batch.reset() }

// Abandon forgets a key whose last part will not come. What its parts left in batches that were
// sent is not visible, and is removed by the server's compaction.
func (e *Encoder) Abandon() { e.key.open = false }

// Bytes returns the batch, valid until the next Add or Reset.
func (e *Encoder) Bytes() []byte { return e.batch.bytes() }

// Puts returns how many puts the batch has.
func (e *Encoder) Puts() int { return int(e.batch.count) }

// Add encodes a record. The version is of its key: the same for all of its parts, and never one
// that the server gave to a key that is there. A key is visible once the batch with its last part
// was applied. Fields and members must stand once in a key: the number that the server has for it
// is how many came.
func (e *Encoder) Add(r *format.Record, version uint64) error {
	if r.Part&format.PartFirst != 0 {
		if err := e.begin(r, version); err != nil {
			return err
		}
	}
	if k := &e.key; !k.open || k.kind != r.Kind || k.version != version {
		return fmt.Errorf("%w: a part of a %s does not follow the one before", ErrEncoding, r.Kind)
	}
	if err := e.add(r); err != nil {
		e.Abandon()
		return err
	}
	if r.Part&format.PartLast != 0 {
		e.end(r)
	}
	return nil
}

func (e *Encoder) begin(r *format.Record, version uint64) error {
	switch {
	case r.Expire < 0:
		return fmt.Errorf("%w: an expiry of %d", ErrEncoding, r.Expire)
	case len(r.Key) > format.MaxBulk:
		return fmt.Errorf("%w: a name of %d bytes", ErrEncoding, len(r.Key))
	}
	k := &e.key
	*k = key{open: true, kind: r.Kind, version: version, name: append(k.name[:0], e.prefix...), sub: k.sub, value: k.value[:0]}
	if e.slot != nil {
		k.name = binary.BigEndian.AppendUint16(k.name, uint16(e.slot(r.Key)))
	}
	head := len(k.name)
	k.name = append(k.name, r.Key...)
	k.sub = append(k.sub[:0], k.name[:head]...)
	k.sub = binary.BigEndian.AppendUint32(k.sub, uint32(len(r.Key)))
	k.sub = append(k.sub, r.Key...)
	k.sub = binary.BigEndian.AppendUint64(k.sub, version)
	return nil
}

// add encodes the elements of a part.
func (e *Encoder) add(r *format.Record) error {
	k := &e.key
	switch r.Kind {
	case format.String:
		if len(k.value)+len(r.Value) > MaxString {
			return fmt.Errorf("%w: a string above %d bytes", ErrEncoding, MaxString)
		}
		k.value = append(k.value, r.Value...)
	case format.Hash:
		for i := 0; i+1 < len(r.Elems); i += 2 {
			e.subkey(subkeys, r.Elems[i])
			e.batch.value(r.Elems[i+1])
		}
	case format.List:
		for _, element := range r.Elems {
			e.numbered(subkeys, listStart+k.size) // it counts in size
			e.batch.value(element)
		}
	case format.Set:
		for _, member := range r.Elems {
			e.subkey(subkeys, member)
			e.batch.value()
		}
	case format.Zset:
		for i, member := range r.Elems {
			score := binary.BigEndian.AppendUint64(nil, sortable(r.Scores[i]))
			e.subkey(subkeys, member)
			e.batch.value(score)
			k.size-- // the member stands twice, and counts once
			e.subkey(scores, append(score, member...))
			e.batch.value()
		}
	case format.Stream:
		for i := range r.Entries {
			e.entry(&r.Entries[i])
		}
	default:
		return fmt.Errorf("%w: a %s", ErrEncoding, r.Kind)
	}
	return nil
}

// subkey begins the put of one of the key's subkeys.
func (e *Encoder) subkey(f family, sub []byte) {
	e.batch.put(f, len(e.key.sub)+len(sub))
	e.batch.append(e.key.sub)
	e.batch.append(sub)
	e.key.size++
}

// numbered begins the put of a subkey whose name is numbers.
func (e *Encoder) numbered(f family, numbers ...uint64) {
	e.batch.put(f, len(e.key.sub)+8*len(numbers))
	e.batch.append(e.key.sub)
	for _, n := range numbers {
		e.batch.number(n)
	}
	e.key.size++
}

func (e *Encoder) entry(s *format.Entry) {
	k := &e.key
	if k.size == 0 {
		k.first = s.ID
	}
	k.last = s.ID
	e.numbered(entries, s.ID.Ms, s.ID.Seq)
	value := []byte{}
	for _, f := range s.Fields {
		value = append(binary.AppendUvarint(value, uint64(len(f))), f...)
	}
	e.batch.value(value)
}

// end encodes the metadata, which makes the key visible.
func (e *Encoder) end(r *format.Record) {
	k := &e.key
	k.open = false
	m := append(make([]byte, 0, 128), wide|kinds[k.kind])
	m = binary.BigEndian.AppendUint64(m, uint64(r.Expire))
	number := func(n uint64) { m = binary.BigEndian.AppendUint64(m, n) }
	if k.kind != format.String {
		number(k.version)
		number(k.size)
	}
	switch k.kind {
	case format.List:
		number(listStart)
		number(listStart + k.size)
	case format.Stream:
		state := r.State
		for _, id := range []format.StreamID{state.LastID, k.first, state.MaxDeletedID, k.first, k.last} {
			number(id.Ms)
			number(id.Seq)
		}
		number(state.EntriesAdded)
		number(0) // groups
	}
	e.batch.put(metadata, len(k.name))
	e.batch.append(k.name)
	e.batch.value(m, k.value)
	if cap(k.value) > MaxString/16 {
		k.value = nil
	}
}

var kinds = map[format.Kind]byte{
	format.String: typeString, format.Hash: typeHash, format.List: typeList,
	format.Set: typeSet, format.Zset: typeZset, format.Stream: typeStream,
}

// sortable returns the bits of a score so that their order as bytes is that of the numbers.
func sortable(score float64) uint64 {
	bits := math.Float64bits(score)
	if bits>>63 != 0 {
		return ^bits
	}
	return bits | 1<<63
}
