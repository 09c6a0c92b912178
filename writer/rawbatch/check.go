package rawbatch

import (
	"encoding/binary"
	"fmt"
)

// Check reads a batch as RocksDB and a Kvrocks do, and returns an error if either would not take
// it, or if a put is for another namespace than ks. It is written from the tables of the package
// and shares nothing with the Encoder, so that a fault of one is seen by the other: puts is how
// many the caller believes to send.
func Check(data []byte, ks Keyspace, puts int) error {
	c := &checker{rest: data, ks: ks}
	if err := c.batch(puts); err != nil {
		return fmt.Errorf("a batch of %d bytes is malformed at byte %d and is not sent: %w", len(data), len(data)-len(c.rest), err)
	}
	return nil
}

type checker struct {
	rest []byte
	ks   Keyspace
}

func (c *checker) batch(puts int) error {
	head, ok := cut(&c.rest, 12)
	if !ok {
		return fmt.Errorf("no head")
	}
	if binary.LittleEndian.Uint64(head) != 0 {
		return fmt.Errorf("a sequence number")
	}
	count := binary.LittleEndian.Uint32(head[8:])
	if int64(count) != int64(puts) || count == 0 {
		return fmt.Errorf("it is said to have %d puts, and was filled with %d", count, puts)
	}
	for range count {
		if err := c.put(); err != nil {
			return err
		}
	}
	if len(c.rest) != 0 {
		return fmt.Errorf("more than the %d puts that it is said to have", count)
	}
	return nil
}

func (c *checker) put() error {
	tag, ok := cut(&c.rest, 1)
	if !ok {
		return fmt.Errorf("no tag")
	}
	cf := uint64(0)
	switch tag[0] {
	case 1:
	case 5:
		if cf, ok = varint(&c.rest); !ok {
			return fmt.Errorf("no column family")
		}
	default:
		return fmt.Errorf("tag %d is no put", tag[0])
	}
	key, ok := slice(&c.rest)
	if !ok {
		return fmt.Errorf("a key longer than the batch")
	}
	value, ok := slice(&c.rest)
	if !ok {
		return fmt.Errorf("a value longer than the batch")
	}
	if err := c.key(&key); err != nil {
		return err
	}
	if cf == 1 {
		return c.metadata(value)
	}
	return c.subkey(cf, key, value)
}

// key takes the prefix off a key.
func (c *checker) key(key *[]byte) error {
	size, ok := cut(key, 1)
	if !ok {
		return fmt.Errorf("an empty key")
	}
	if ns, ok := cut(key, int(size[0])); !ok || string(ns) != c.ks.Namespace {
		return fmt.Errorf("namespace %q, not %q", ns, c.ks.Namespace)
	}
	if c.ks.Slot == nil {
		return nil
	}
	if slot, ok := cut(key, 2); !ok || binary.BigEndian.Uint16(slot) > 16383 {
		return fmt.Errorf("slot % x", slot)
	}
	return nil
}

// extra is how many bytes the metadata of a type have behind the number of elements.
var extra = map[byte]int{2: 0, 3: 16, 4: 0, 5: 0, 8: 5*16 + 16}

func (c *checker) metadata(value []byte) error {
	head, ok := cut(&value, 9)
	if !ok || head[0]&0x80 == 0 || head[1]&0x80 != 0 {
		return fmt.Errorf("metadata that begin with % x", head)
	}
	kind := head[0] & 0x7f
	if kind == 1 {
		return nil
	}
	more, ok := extra[kind]
	if !ok {
		return fmt.Errorf("type %d", kind)
	}
	common, ok := cut(&value, 16)
	if !ok || len(value) != more {
		return fmt.Errorf("metadata of type %d with %d bytes", kind, len(value)+len(common))
	}
	size := binary.BigEndian.Uint64(common[8:])
	if size == 0 && kind != 8 {
		return fmt.Errorf("a key of type %d without elements", kind)
	}
	if kind == 3 && binary.BigEndian.Uint64(value[8:])-binary.BigEndian.Uint64(value) != size {
		return fmt.Errorf("a list of %d elements whose ends are % x", size, value)
	}
	return nil
}

func (c *checker) subkey(cf uint64, key, value []byte) error {
	size, ok := cut(&key, 4)
	if !ok {
		return fmt.Errorf("a subkey without a name")
	}
	name, ok := cut(&key, int(binary.BigEndian.Uint32(size)))
	if !ok {
		return fmt.Errorf("a name longer than its subkey")
	}
	if _, ok := cut(&key, 8); !ok {
		return fmt.Errorf("a subkey of %q without a version", name)
	}
	switch cf {
	case 0:
		return nil
	case 2:
		if len(key) < 8 || len(value) != 0 {
			return fmt.Errorf("a score of %q of %d bytes with a value of %d", name, len(key), len(value))
		}
		return nil
	case 5:
		if len(key) != 16 {
			return fmt.Errorf("an entry of %q with an id of %d bytes", name, len(key))
		}
		for fields := 0; ; fields++ {
			if len(value) == 0 {
				if fields%2 != 0 {
					return fmt.Errorf("an entry of %q with %d fields and values", name, fields)
				}
				return nil
			}
			if _, ok := slice(&value); !ok {
				return fmt.Errorf("an entry of %q with a field longer than it", name)
			}
		}
	}
	return fmt.Errorf("column family %d", cf)
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
	for shift := 0; shift < 35; shift += 7 {
		b, ok := cut(p, 1)
		if !ok {
			return 0, false
		}
		n |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n, n < 1<<32
		}
	}
	return 0, false
}

// slice takes bytes behind their length off the front of p.
func slice(p *[]byte) ([]byte, bool) {
	n, ok := varint(p)
	if !ok {
		return nil, false
	}
	return cut(p, int(n))
}
