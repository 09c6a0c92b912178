package export

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/columns"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A tableEncoder writes for people: a line for each key with the beginning of its value, or each
// key with all of its elements.
type tableEncoder struct {
	width int   // of a line
	whole bool  // all elements
	now   int64 // Unix ms

	elements int64
	preview  []byte // of the key at hand
}

// head returns what stands before the first key.
func (e *tableEncoder) head() []byte {
	if e.whole {
		return nil
	}
	return e.row(nil, "db", "type", "expires", "elements", "key", "value")
}

// narrow is the width from which on downwards a row leaves out what the key needs more: the time of
// day of an expiry, and the room for a long type.
const narrow = 99

// row appends a line of the table, cut to its width.
func (e *tableEncoder) row(dst []byte, db, typ, expires, elements, key, value string) []byte {
	form := "%4s  %-11s  %-20s  %9s  %s  %s"
	if e.width <= narrow {
		form = "%2s  %-6.6s  %-10.10s  %9s  %s  %s"
	}
	return append(append(dst, columns.Cut(fmt.Sprintf(form, db, typ, expires, elements, key, value), e.width)...), '\n')
}

func (e *tableEncoder) add(dst []byte, db int, t format.Type, r *format.Record) ([]byte, string) {
	first, last := r.Part&format.PartFirst != 0, r.Part&format.PartLast != 0
	if first {
		e.elements, e.preview = 0, e.preview[:0]
		if e.whole {
			dst = fmt.Appendf(dst, "%s  (%s, db%d%s)\n", shown(r.Key), typeName(t, r.Kind), db, e.expiry(", expires ", r))
		}
	}
	e.elements += int64(r.Elements())
	limit := format.MaxBulk
	if e.whole {
		each(r, limit, func(text []byte) bool {
			dst = append(append(append(dst, "  "...), text...), '\n')
			return true
		})
		if s := r.State; s != nil {
			dst = fmt.Appendf(dst, "  last id %s, largest deleted id %s, entries added %d\n", s.LastID, s.MaxDeletedID, s.EntriesAdded)
		}
		return dst, ""
	}
	limit = e.width
	each(r, limit, func(text []byte) bool {
		if len(e.preview) >= e.width {
			return false
		}
		if len(e.preview) > 0 && r.Kind != format.String { // the parts of a string are one value
			e.preview = append(e.preview, ' ')
		}
		e.preview = append(e.preview, text...)
		return true
	})
	if !last {
		return dst, ""
	}
	key := shown(head(r.Key, limit))
	return e.row(dst, strconv.Itoa(db), typeName(t, r.Kind), e.expiry("", r), progress.Count(e.elements), key, string(e.preview)), ""
}

func typeName(t format.Type, k format.Kind) string {
	if k == format.HyperLogLog {
		return "hyperloglog"
	}
	return string(t)
}

// expiry returns when a key expires, behind a word, or that it is deleted; empty: never.
func (e *tableEncoder) expiry(word string, r *format.Record) string {
	switch {
	case r.Kind == format.Deleted:
		return strings.TrimSuffix(word, "expires ") + "deleted"
	case r.Expire == 0:
		return ""
	case r.Expire <= e.now:
		word = strings.Replace(word, "expires", "expired", 1)
	}
	at := time.UnixMilli(r.Expire).UTC()
	if at.Year() > 9999 {
		return word + "after 9999"
	}
	return word + at.Format(time.RFC3339)
}

// each hands over each element as text, until next returns false. Of bytes it shows so many.
func each(r *format.Record, limit int, next func(text []byte) bool) {
	appendShown := func(dst, v []byte) []byte { return appendShown(dst, head(v, limit)) }
	var text []byte
	switch r.Kind {
	case format.String, format.HyperLogLog:
		next(appendShown(nil, r.Value))
	case format.Hash:
		for i := 0; i < len(r.Elems); i += 2 {
			text = append(appendShown(text[:0], r.Elems[i]), '=')
			if text = appendShown(text, r.Elems[i+1]); !next(text) {
				return
			}
		}
	case format.Stream:
		for i := range r.Entries {
			text = append(text[:0], r.Entries[i].ID.String()...)
			for j := 0; j < len(r.Entries[i].Fields); j += 2 {
				text = append(appendShown(append(text, ' '), r.Entries[i].Fields[j]), '=')
				text = appendShown(text, r.Entries[i].Fields[j+1])
			}
			if !next(text) {
				return
			}
		}
	default:
		for i, v := range r.Elems {
			if text = appendShown(text[:0], v); r.Kind == format.Zset {
				text = appendScore(append(text, '='), r.Scores[i], false)
			}
			if !next(text) {
				return
			}
		}
	}
}

func shown(v []byte) string { return string(appendShown(nil, v)) }

// appendShown appends bytes as people can read them: in quotes if not every character can be
// printed, or if they begin as if they were.
func appendShown(dst, v []byte) []byte {
	if len(v) == 0 || v[0] == ' ' || v[len(v)-1] == ' ' || v[0] == '"' || !isPrintable(v) {
		return strconv.AppendQuote(dst, string(v))
	}
	return append(dst, v...)
}

func isPrintable(v []byte) bool {
	return utf8.Valid(v) && !bytes.ContainsFunc(v, func(r rune) bool { return !strconv.IsPrint(r) })
}

// head returns the beginning of v, of at most so many bytes: all of v, or whole characters of it if
// it is text.
func head(v []byte, limit int) []byte {
	if len(v) <= limit {
		return v
	}
	end := limit
	for end > 0 && end > limit-utf8.UTFMax && !utf8.RuneStart(v[end]) {
		end--
	}
	if utf8.Valid(v[:end]) {
		return v[:end]
	}
	return v[:limit]
}
