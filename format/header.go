package format

import (
	"bytes"
	"fmt"
	"regexp"

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
