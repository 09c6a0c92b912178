package format

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// Magic is the value of "magic" in every chunk header.
const Magic = "pika2kvrocks chunk"

// A Header opens a chunk: what it holds and where its key range begins
// (docs/FORMAT.md §4.1). Its fields are encoded in the order in which they stand.
type Header struct {
	Magic     string `msgpack:"magic"`
	Version   int    `msgpack:"version"`
	Dump      string `msgpack:"dump"`      // id of the dump: 32 hexadecimal digits
	DB        int    `msgpack:"db"`        // database of the source
	Type      Type   `msgpack:"type"`      // keyspace of the source
	Number    int    `msgpack:"number"`    // number in the name of the file
	Start     []byte `msgpack:"start"`     // first key that can be in the range
	Continues bool   `msgpack:"continues"` // it goes on inside key Start, which the chunk before left open
	Writer    string `msgpack:"writer"`    // name and version of the program that wrote it
}

var dumpID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (h *Header) validate() error {
	switch {
	case h.Magic != Magic:
		return fmt.Errorf("magic is %q: this is no chunk of a dump", short([]byte(h.Magic)))
	case h.Version != Version1 && h.Version != Version2:
		return unknownVersion(h.Version, Version2)
	case !dumpID.MatchString(h.Dump):
		return fmt.Errorf("dump id %q is not 32 hexadecimal digits", short([]byte(h.Dump)))
	case h.DB < 0 || h.DB > MaxDatabase:
		return fmt.Errorf("database %d: %w", h.DB, ErrLimit)
	case h.Number < 0 || h.Number > MaxNumber:
		return fmt.Errorf("chunk number %d: %w", h.Number, ErrLimit)
	case len(h.Start) > MaxBulk+1:
		return fmt.Errorf("start of %d bytes: %w", len(h.Start), ErrLimit)
	}
	_, err := ParseType(string(h.Type))
	return err
}

// holds returns why no chunk with this header holds a record of that kind; nil: it may.
func (h *Header) holds(k Kind) error {
	switch {
	case k == Deleted && h.Version == Version1:
		return fmt.Errorf("%w %d, %s, in a dump of version %d, which is no delta", ErrKind, k, k, h.Version)
	case k != Deleted && !h.Type.Holds(k):
		return fmt.Errorf("a %s record in a chunk of type %s", k, h.Type)
	}
	return nil
}

func marshalMap(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decodeHeader reads the header that data must be. The version is looked at first:
// a newer version may have fields that this one does not know.
func decodeHeader(data []byte, h *Header) error {
	magic, version, err := probeHeader(data)
	if err != nil {
		return fmt.Errorf("no chunk header: %w", err)
	}
	if magic != Magic || version != Version1 && version != Version2 {
		return (&Header{Magic: magic, Version: version}).validate()
	}
	c := cursor{buf: data}
	c.fields([]field{
		{"magic", func() { h.Magic = c.str() }},
		{"version", func() { h.Version = c.int() }},
		{"dump", func() { h.Dump = c.str() }},
		{"db", func() { h.DB = c.int() }},
		{"type", func() { h.Type = Type(c.str()) }},
		{"number", func() { h.Number = c.int() }},
		{"start", func() { h.Start = c.binMax(MaxBulk + 1) }},
		{"continues", func() { h.Continues = c.bool() }},
		{"writer", func() { h.Writer = c.str() }},
	})
	if err := c.end(); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	h.Start = slices.Clone(h.Start) // data is used again
	return h.validate()
}

// probeHeader reads only what every version of a header has.
func probeHeader(data []byte) (magic string, version int, err error) {
	c := cursor{buf: data}
	for n := c.mapSize(); n > 0 && c.err == nil; n-- {
		switch c.str() {
		case "magic":
			magic = c.str()
		case "version":
			version = c.int()
		default:
			c.skip()
		}
	}
	return magic, version, c.end()
}
