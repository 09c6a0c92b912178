package format

import (
	"bytes"
	"errors"
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

// A Footer closes a chunk (docs/FORMAT.md §4.2).
type Footer struct {
	End   []byte `msgpack:"end"`  // the key to go on from; nil: the range is open to the end
	Open  bool   `msgpack:"open"` // the last record was not its key's last: End is that key
	Stats Stats  `msgpack:"stats"`
	// Index holds the key of the first record of each frame of records.
	Index [][]byte `msgpack:"index"`
}

// Stats counts what is in a chunk.
type Stats struct {
	Records  int64 `msgpack:"records" json:"records"`
	Keys     int64 `msgpack:"keys" json:"keys"`         // keys whose first record is here
	Elements int64 `msgpack:"elements" json:"elements"` // as Record.Elements counts
	Expiring int64 `msgpack:"expiring" json:"expiring"` // of Keys, those with an expiry
	Raw      int64 `msgpack:"raw" json:"raw_bytes"`     // bytes of the records' msgpack
}

// Add adds o to s.
func (s *Stats) Add(o Stats) {
	s.Records += o.Records
	s.Keys += o.Keys
	s.Elements += o.Elements
	s.Expiring += o.Expiring
	s.Raw += o.Raw
}

func (s *Stats) count(r *Record, size int) {
	s.Records++
	s.Elements += int64(r.Elements())
	s.Raw += int64(size)
	if r.Part&PartFirst != 0 {
		s.Keys++
		if r.Expire != 0 {
			s.Expiring++
		}
	}
}

var dumpID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (h *Header) validate() error {
	switch {
	case h.Magic != Magic:
		return fmt.Errorf("magic is %q: this is no chunk of a dump", short([]byte(h.Magic)))
	case h.Version != Version:
		return fmt.Errorf("%w %d: this program reads version %d; use a newer one", ErrVersion, h.Version, Version)
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

func marshalMap(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.UseCompactInts(true)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// unmarshalMap reads the one map that data must be. Lengths inside were compared
// with the frame's size by checkLengths before the library sees them: it
// allocates what a length declares.
func unmarshalMap(data []byte, v any) error {
	n, err := checkLengths(data)
	if err != nil {
		return err
	}
	if n != len(data) {
		return errors.New("bytes follow the map")
	}
	dec := msgpack.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields(true)
	return dec.Decode(v)
}

// checkLengths walks one msgpack value and returns its size. No value's length
// may be above what is left of data.
func checkLengths(data []byte) (int, error) {
	c := cursor{buf: data}
	for left := 1; left > 0 && c.err == nil; {
		left += c.skip() - 1
		if left > len(data)-c.off {
			c.fail(errCut)
		}
	}
	return c.off, c.err
}

// skip takes the next value, of a map or array only the head, and returns how many
// values that head announces.
func (c *cursor) skip() int {
	t := c.typeByte()
	switch {
	case t < 0x80 || t >= 0xe0: // integers of one byte
	case t < 0x90:
		return 2 * int(t&0x0f)
	case t < 0xa0:
		return int(t & 0x0f)
	case t < 0xc0: // fixstr
		c.take(int(t & 0x1f))
	case t == mpNil || t == 0xc2 || t == 0xc3:
	case t == mpBin8 || t == 0xd9:
		c.take(c.size(1))
	case t == mpBin16 || t == 0xda:
		c.take(c.size(2))
	case t == mpBin32 || t == 0xdb:
		c.take(c.size(4))
	case t >= mpUint8 && t <= mpUint64:
		c.take(1 << (t - mpUint8))
	case t >= 0xd0 && t <= 0xd3:
		c.take(1 << (t - 0xd0))
	case t == mpFloat64:
		c.take(8)
	case t == mpArray16:
		return c.size(2)
	case t == mpArray32:
		return c.size(4)
	case t == 0xde:
		return 2 * c.size(2)
	default:
		c.wrong("a header or footer value", t)
	}
	return 0
}

// unmarshalLoose reads some fields of a map and ignores the others.
func unmarshalLoose(data []byte, v any) error {
	return msgpack.NewDecoder(bytes.NewReader(data)).Decode(v)
}
