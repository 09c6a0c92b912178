package rawbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Check reads a batch as RocksDB and a Kvrocks do, and returns an error if either would not take
// it, if a put is for another namespace, if subkeys would be without their metadata, or if
// a number of elements is wrong. It is written from the tables of the package and shares
// nothing with the Encoder, so that a fault of one is seen by the other. Puts is how many the
// caller believes to send, before how many elements of its first key batches before it have sent.
func Check(data []byte, namespace string, puts, before int) error {
	c := &checker{rest: data, namespace: namespace, begun: begun{before: uint64(before)}}
	if err := c.batch(puts); err != nil {
		at := len(data) - len(c.rest)
		return fmt.Errorf("a batch of %d bytes is malformed at byte %d, and is not sent: %w", len(data), at, err)
	}
	return nil
}

type checker struct {
	rest      []byte
	namespace string
	begun     begun
}

// begun is the key whose subkeys came last.
type begun struct {
	name    []byte
	version uint64
	before  uint64 // subkeys in other batches
	n       uint64 // subkeys in this one
	scores  uint64 // those of them by score
	last    []byte // what tells the last of them
}

func (c *checker) batch(puts int) error {
	head, ok := cut(&c.rest, 12)
	if !ok {
		return errors.New("no head")
	}
	if binary.LittleEndian.Uint64(head) != 0 {
		return errors.New("a sequence number")
	}
	count := binary.LittleEndian.Uint32(head[8:])
	if int64(count) != int64(puts) || count == 0 {
		return fmt.Errorf("it says that it has %d puts, and was filled with %d", count, puts)
	}
	n := int64(0)
	for n < int64(count) && len(c.rest) > 0 {
		isPut, err := c.record()
		if err != nil {
			return err
		}
		if isPut {
			n++
		}
	}
	if n != int64(count) || len(c.rest) > 0 {
		return fmt.Errorf("%d puts and %d more bytes, of %d puts that it says", n, len(c.rest), count)
	}
	if c.begun.n > 0 {
		return fmt.Errorf("subkeys of %q without metadata", c.begun.name)
	}
	return nil
}

// record reads a put, or log data.
func (c *checker) record() (isPut bool, err error) {
	tag, _ := cut(&c.rest, 1)
	cf, ok := uint64(0), true
	switch tag[0] {
	case 1:
	case 3:
		if text, ok := slice(&c.rest); !ok || len(text) == 0 || text[0] < '1' || text[0] > '8' {
			return false, fmt.Errorf("log data %q", text)
		}
		return false, nil
	case 5:
		if cf, ok = varint(&c.rest); !ok || cf == 0 {
			return false, errors.New("no column family")
		}
	default:
		return false, fmt.Errorf("tag %d is no put", tag[0])
	}
	key, ok := slice(&c.rest)
	if !ok {
		return false, errors.New("a key longer than the batch")
	}
	value, ok := slice(&c.rest)
	if !ok {
		return false, errors.New("a value longer than the batch")
	}
	if err := c.key(&key); err != nil {
		return false, err
	}
	if cf == 1 {
		return true, c.metadata(key, value)
	}
	return true, c.subkey(cf, key, value)
}

// key takes the prefix off a key.
func (c *checker) key(key *[]byte) error {
	size, ok := cut(key, 1)
	if !ok {
		return errors.New("an empty key")
	}
	if ns, ok := cut(key, int(size[0])); !ok || string(ns) != c.namespace || len(ns) == 0 {
		return fmt.Errorf("namespace %q, not %q", ns, c.namespace)
	}
	return nil
}

// extra is how many bytes the metadata of a type have behind the number of elements; -1: no type
// has this number.
var extra = [...]int{-1, -1, 0, 16, 0, 0, -1, -1, 5*16 + 16}

func (c *checker) metadata(name, value []byte) error {
	b := c.begun
	c.begun = begun{}
	head, ok := cut(&value, 9)
	if !ok || head[0]&0x80 == 0 || head[1]&0x80 != 0 {
		return fmt.Errorf("metadata that begin with % x", head)
	}
	kind := head[0] & 0x7f
	if b.n > 0 && (kind == 1 || !bytes.Equal(name, b.name)) {
		return fmt.Errorf("subkeys of %q before metadata of %q", b.name, name)
	}
	if kind == 1 {
		return nil
	}
	if int(kind) >= len(extra) || extra[kind] < 0 {
		return fmt.Errorf("type %d", kind)
	}
	common, ok := cut(&value, 16)
	if !ok || len(value) != extra[kind] {
		return fmt.Errorf("metadata of type %d with %d bytes", kind, len(value)+len(common))
	}
	version, size := binary.BigEndian.Uint64(common), binary.BigEndian.Uint64(common[8:])
	byScore := uint64(0)
	if kind == 5 {
		byScore = b.n
	}
	switch {
	case version>>63 == 0:
		return fmt.Errorf("version %d, which may be one of the server", version)
	case b.n > 0 && version != b.version:
		return fmt.Errorf("subkeys of version %d before metadata of version %d", b.version, version)
	case size != b.before+b.n, b.scores != byScore:
		return fmt.Errorf("size %d, but %d and %d subkeys, and %d by score",
			size, b.before, b.n, b.scores)
	case size == 0 && kind != 8:
		return fmt.Errorf("a key of type %d without elements", kind)
	}
	return c.ends(kind, size, value, b.last)
}

// ends looks at the ends of lists and streams.
func (c *checker) ends(kind byte, size uint64, value, last []byte) error {
	switch {
	case kind == 3:
		head, tail := binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])
		behind := head + size
		if head != 1<<63-1 || tail != behind || len(last) != 8 || binary.BigEndian.Uint64(last) != tail-1 {
			return fmt.Errorf("a list of size %d, its ends % x, the last at % x", size, value, last)
		}
	case kind == 8 && size > 0:
		if !bytes.Equal(last, value[64:80]) {
			return fmt.Errorf("a stream whose last entry is % x, not % x", last, value[64:80])
		}
	}
	return nil
}

func (c *checker) subkey(cf uint64, key, value []byte) error {
	size, ok := cut(&key, 4)
	if !ok {
		return errors.New("a subkey without a name")
	}
	name, ok := cut(&key, int(binary.BigEndian.Uint32(size)))
	if !ok {
		return errors.New("a name longer than its subkey")
	}
	version, ok := cut(&key, 8)
	if !ok {
		return fmt.Errorf("a subkey of %q without a version", name)
	}
	b := &c.begun
	if n := binary.BigEndian.Uint64(version); b.n == 0 {
		b.name, b.version = name, n
	} else if n != b.version || !bytes.Equal(name, b.name) {
		return fmt.Errorf("subkeys of %q behind those of %q without metadata", name, b.name)
	}
	b.last = key
	switch cf {
	case 0:
		b.n++
		return nil
	case 2:
		b.scores++
		if len(key) < 8 || len(value) != 0 || b.n == 0 {
			return fmt.Errorf("a score of %q of %d bytes with a value of %d", name, len(key), len(value))
		}
		return nil
	case 5:
		b.n++
		return entry(name, key, value)
	}
	return fmt.Errorf("column family %d", cf)
}

func entry(name, id, value []byte) error {
	if len(id) != 16 {
		return fmt.Errorf("an entry of %q with an id of %d bytes", name, len(id))
	}
	fields := 0
	for ; len(value) > 0; fields++ {
		if _, ok := slice(&value); !ok {
			return fmt.Errorf("an entry of %q with a field longer than it", name)
		}
	}
	if fields%2 != 0 || fields == 0 {
		return fmt.Errorf("an entry of %q with %d fields and values", name, fields)
	}
	return nil
}

// cut takes n bytes off the front of p.
func cut(p *[]byte, n int) ([]byte, bool) {
	if n < 0 || n > len(*p) {
		return nil, false
	}
	head := (*p)[:n]
	*p = (*p)[n:]
	return head, true
}

// varint takes a varint of at most 32 bits off the front of p.
func varint(p *[]byte) (n uint64, ok bool) {
	n, size := binary.Uvarint(*p)
	if size < 1 || size > binary.MaxVarintLen32 || n >= 1<<32 {
		return 0, false
	}
	*p = (*p)[size:]
	return n, true
}

// slice takes bytes behind their length off the front of p.
func slice(p *[]byte) ([]byte, bool) {
	n, ok := varint(p)
	if !ok {
		return nil, false
	}
	return cut(p, int(n))
}
