package export

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"strconv"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// csvColumns are the columns, in order. The last names those of a row that are in base64.
var csvColumns = []string{"db", "type", "key", "expire", "field", "value", "base64"}

// A csvEncoder writes a row for each element, and one for a string.
type csvEncoder struct {
	out   bytes.Buffer
	rows  *csv.Writer
	row   []string
	count int // elements of the list at hand
}

func newCSV() *csvEncoder {
	e := &csvEncoder{row: make([]string, len(csvColumns))}
	e.rows = csv.NewWriter(&e.out)
	return e
}

// head returns what stands before the first row.
func (e *csvEncoder) head() []byte {
	_ = e.rows.Write(csvColumns)
	return e.taken(nil)
}

// taken moves what was written to dst. A buffer refuses nothing.
func (e *csvEncoder) taken(dst []byte) []byte {
	e.rows.Flush()
	dst = append(dst, e.out.Bytes()...)
	if e.out.Reset(); e.out.Cap() > keepBytes {
		e.out = bytes.Buffer{}
	}
	return dst
}

func (e *csvEncoder) add(dst []byte, db int, t format.Type, r *format.Record) ([]byte, string) {
	switch {
	case r.Kind == format.Stream:
		return dst, NotFlat
	case r.Kind == format.String && r.Part != format.PartWhole:
		return dst, TooLarge
	}
	if r.Part&format.PartFirst != 0 {
		e.count = 0
	}
	e.row[0], e.row[1] = strconv.Itoa(db), r.Kind.String()
	if e.row[3] = ""; r.Expire != 0 {
		e.row[3] = strconv.FormatInt(r.Expire, 10)
	}
	switch r.Kind {
	case format.String, format.HyperLogLog:
		e.add3(r.Key, nil, r.Value)
	case format.Hash:
		for i := 0; i < len(r.Elems); i += 2 {
			e.add3(r.Key, r.Elems[i], r.Elems[i+1])
		}
	case format.List:
		for _, v := range r.Elems {
			e.add3(r.Key, strconv.AppendInt(nil, int64(e.count), 10), v)
			e.count++
		}
	case format.Set:
		for _, v := range r.Elems {
			e.add3(r.Key, nil, v)
		}
	case format.Zset:
		for i, v := range r.Elems {
			e.add3(r.Key, v, appendScore(nil, r.Scores[i], false))
		}
	default:
		e.row[1] = string(t) + " deleted"
		e.add3(r.Key, nil, nil)
	}
	return e.taken(dst), ""
}

func (e *csvEncoder) add3(key, field, value []byte) {
	encoded := ""
	for _, c := range []struct {
		column int
		bytes  []byte
	}{{2, key}, {4, field}, {5, value}} {
		if utf8.Valid(c.bytes) {
			e.row[c.column] = string(c.bytes)
			continue
		}
		e.row[c.column] = base64.StdEncoding.EncodeToString(c.bytes)
		if encoded != "" {
			encoded += " "
		}
		encoded += csvColumns[c.column]
	}
	e.row[6] = encoded
	_ = e.rows.Write(e.row)
}
