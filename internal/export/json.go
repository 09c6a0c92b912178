package export

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A jsonEncoder writes a line for each key, as docs/operations/look.md says. The line of a large
// key is written part by part.
type jsonEncoder struct {
	more  bool   // elements were written of the key at hand
	carry []byte // of a string in parts: up to two bytes that base64 has no digits for yet
}

func (e *jsonEncoder) add(dst []byte, db int, t format.Type, r *format.Record) ([]byte, string) {
	if r.Part&format.PartFirst != 0 {
		dst = e.head(dst, db, t, r)
		if r.Kind == format.Deleted {
			return append(dst, "}\n"...), ""
		}
		dst = append(dst, `,"value":`...)
	}
	switch {
	case r.Kind != format.String && r.Kind != format.HyperLogLog:
		dst = e.elements(dst, r)
	case r.Part == format.PartWhole:
		dst = appendValue(dst, r.Value)
	default:
		dst = e.piece(dst, r)
	}
	if r.Part&format.PartLast == 0 {
		return dst, ""
	}
	if s := r.State; s != nil {
		dst = fmt.Appendf(dst, `,"state":{"last_id":"%s","max_deleted_id":"%s","entries_added":%d}`, s.LastID, s.MaxDeletedID, s.EntriesAdded)
	}
	return append(dst, "}\n"...), ""
}

// head begins the line of a key.
func (e *jsonEncoder) head(dst []byte, db int, t format.Type, r *format.Record) []byte {
	e.more, e.carry = false, e.carry[:0]
	dst = append(dst, `{"db":`...)
	dst = strconv.AppendInt(dst, int64(db), 10)
	dst = append(dst, `,"type":"`...)
	if r.Kind == format.Deleted {
		dst = append(append(dst, t...), `","deleted":true,"key":`...)
		return appendValue(dst, r.Key)
	}
	dst = append(append(dst, r.Kind.String()...), `","key":`...)
	dst = appendValue(dst, r.Key)
	if r.Expire == 0 {
		return append(dst, `,"expire":null`...)
	}
	return strconv.AppendInt(append(dst, `,"expire":`...), r.Expire, 10)
}

// piece appends a part of a string, whose end may show that it is no text: it is in base64.
func (e *jsonEncoder) piece(dst []byte, r *format.Record) []byte {
	if r.Part&format.PartFirst != 0 {
		dst = append(dst, `{"base64":"`...)
	}
	e.carry = append(e.carry, r.Value...)
	whole := len(e.carry) - len(e.carry)%3
	if r.Part&format.PartLast != 0 {
		whole = len(e.carry)
	}
	dst = base64.StdEncoding.AppendEncode(dst, e.carry[:whole])
	e.carry = append([]byte(nil), e.carry[whole:]...)
	if r.Part&format.PartLast != 0 {
		dst = append(dst, `"}`...)
	}
	return dst
}

// elements appends what a record has of the array of a collection.
func (e *jsonEncoder) elements(dst []byte, r *format.Record) []byte {
	if r.Part&format.PartFirst != 0 {
		dst = append(dst, '[')
	}
	next := func() {
		if e.more {
			dst = append(dst, ',')
		}
		e.more = true
	}
	switch r.Kind {
	case format.Hash:
		for i := 0; i < len(r.Elems); i += 2 {
			next()
			dst = appendPair(dst, r.Elems[i], r.Elems[i+1])
		}
	case format.Zset:
		for i, m := range r.Elems {
			next()
			dst = append(appendValue(append(dst, '['), m), ',')
			dst = append(appendScore(dst, r.Scores[i], true), ']')
		}
	case format.Stream:
		for i := range r.Entries {
			next()
			dst = appendEntry(dst, &r.Entries[i])
		}
	default:
		for _, v := range r.Elems {
			next()
			dst = appendValue(dst, v)
		}
	}
	if r.Part&format.PartLast != 0 {
		dst = append(dst, ']')
	}
	return dst
}

func appendEntry(dst []byte, entry *format.Entry) []byte {
	dst = append(append(append(dst, `{"id":"`...), entry.ID.String()...), `","fields":[`...)
	for i := 0; i < len(entry.Fields); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPair(dst, entry.Fields[i], entry.Fields[i+1])
	}
	return append(dst, "]}"...)
}

func appendPair(dst, a, b []byte) []byte {
	dst = append(appendValue(append(dst, '['), a), ',')
	return append(appendValue(dst, b), ']')
}

// appendScore appends a score: the shortest text that gives the same number again. What JSON has no
// number for is in quotes if it is to be JSON.
func appendScore(dst []byte, score float64, isJSON bool) []byte {
	text := ""
	switch {
	case math.IsNaN(score):
		text = "nan"
	case math.IsInf(score, 1):
		text = "inf"
	case math.IsInf(score, -1):
		text = "-inf"
	case score != 0 && (math.Abs(score) < 1e-6 || math.Abs(score) >= 1e21):
		return strconv.AppendFloat(dst, score, 'e', -1, 64)
	default:
		return strconv.AppendFloat(dst, score, 'f', -1, 64)
	}
	if isJSON {
		return append(append(append(dst, '"'), text...), '"')
	}
	return append(dst, text...)
}

// appendValue appends bytes: a JSON string if they are UTF-8, {"base64":"…"} if not.
func appendValue(dst, v []byte) []byte {
	if !utf8.Valid(v) {
		dst = base64.StdEncoding.AppendEncode(append(dst, `{"base64":"`...), v)
		return append(dst, `"}`...)
	}
	dst = append(dst, '"')
	plain := 0 // where what is not appended yet begins
	for i, c := range v {
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		dst = append(dst, v[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, `\u00`...)
			dst = append(dst, digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, v[plain:]...), '"')
}
