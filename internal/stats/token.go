package stats

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A kind is what a part of a name looks like.
type kind byte

const (
	literal kind = iota
	number
	date
	epoch  // seconds
	millis // milliseconds of an epoch
	uuid
	hexadecimal
	binary
	other // one of too many
)

// marks stand in a pattern for parts that differ from name to name.
var marks = [...]string{number: "<n>", date: "<date>", epoch: "<epoch>", millis: "<epoch-ms>", uuid: "<uuid>", hexadecimal: "<hex>", binary: "<binary>", other: "*"}

const (
	// nameRead is how many bytes of a name are looked at.
	nameRead = 256
	// longLiteral is from how many bytes on a part is not kept as it is.
	longLiteral = 48
	// mostSeparators is how many separators end one part.
	mostSeparators = 2
)

// A token is a part of a name: text, and the separators behind it.
type token struct {
	kind  kind
	text  int   // where the text ends
	end   int   // where the separators end: the next part begins there
	whole int   // up to where the name decided on the token
	value int64 // of a number, also of seconds or milliseconds; of a date its digits, as 20261128
	known bool  // the value is
}

// isLast reports whether the name ends with it.
func (t *token) isLast(name []byte) bool { return t.end == len(name) && t.text == t.end }

// next returns the part of a name that begins at from, which is not its end. Cut says that the name
// goes on behind its end.
func next(name []byte, from int, separators *[256]bool, cut bool) token {
	end := from + fixed(name[from:])
	for end < len(name) && !separators[name[end]] {
		end++
	}
	t := classify(name[from:end])
	t.text += from
	if cut && end == len(name) {
		t = token{kind: other, text: end}
	}
	t.end = t.text
	for t.end < len(name) && t.end-end < mostSeparators && t.text == end && separators[name[t.end]] {
		t.end++
	}
	t.whole = max(end, t.end)
	return t
}

// fixed returns the length of a date or uuid at the start of text, which may have separators in it;
// 0: there is none.
func fixed(text []byte) int {
	if len(text) == 0 || !isHex(text[0]) {
		return 0
	}
	if len(text) >= 10 && text[4] == text[7] && (len(text) == 10 || !isDigit(text[10])) {
		if _, ok := dateOf(text[:10]); ok {
			return 10
		}
	}
	if len(text) >= 36 && text[8] == '-' && isUUID(text[:36]) {
		return 36
	}
	return 0
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isHex(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'f' }

// classify says what a part without separators looks like, and where it ends: digits behind a word
// are a part of their own.
func classify(text []byte) token {
	t := token{text: len(text)}
	digits, hexDigits, plain := 0, 0, 0
	for _, b := range text {
		switch {
		case isDigit(b):
			digits, hexDigits, plain = digits+1, hexDigits+1, plain+1
		case isHex(b):
			hexDigits, plain = hexDigits+1, plain+1
		case ' ' <= b && b <= '~':
			plain++
		}
	}
	switch n := len(text); {
	case plain < n && !isText(text):
		t.kind = binary
	case n == 0:
	case digits == n:
		t.kind, t.value, t.known = numeral(text)
	case n == 36 && isUUID(text):
		t.kind = uuid
	case n >= 16 && hexDigits == n:
		t.kind = hexadecimal
	case n >= 10 && isDigit(text[0]) && fixed(text) == 10:
		t.kind = date
		t.value, t.known = dateOf(text[:10])
	case digits > 0 && wordBefore(text) > 0:
		t.text = wordBefore(text)
	case n > longLiteral:
		t.kind = other
	}
	return t
}

// wordBefore returns where the digits of text begin, if they are its last bytes; 0: they are not.
func wordBefore(text []byte) (end int) {
	end = len(text)
	for end > 0 && isDigit(text[end-1]) {
		end--
	}
	if end == len(text) || slices.ContainsFunc(text[:end], isDigit) {
		return 0
	}
	return end
}

// isText reports whether it is UTF-8 without control characters.
func isText(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })
}

// The seconds that look like times: 2005 to 2032. From there on they look like dates.
const (
	firstEpoch = 1_104_537_600
	lastEpoch  = 1_990_000_000
)

// numeral says what digits look like.
func numeral(text []byte) (k kind, value int64, known bool) {
	if len(text) > 18 {
		return number, 0, false
	}
	for _, b := range text {
		value = 10*value + int64(b-'0')
	}
	switch {
	case len(text) == 10 && firstEpoch <= value && value < lastEpoch:
		return epoch, value, true
	case len(text) == 13 && firstEpoch <= value/1000 && value/1000 < lastEpoch:
		return millis, value, true
	case len(text) == 8 || len(text) == 10 || len(text) == 12 || len(text) == 14: // with hours, minutes, seconds
		if text[0] != '1' && text[0] != '2' {
			break
		}
		spread := [10]byte{text[0], text[1], text[2], text[3], '-', text[4], text[5], '-', text[6], text[7]}
		if day, ok := dateOf(spread[:]); ok {
			return date, day, true
		}
	}
	return number, value, true
}

// dateOf reads a date such as 2026-11-28, with any of -/._ in it, from 1990 to 2099, as a number of
// eight digits.
func dateOf(text []byte) (day int64, ok bool) {
	for i, b := range text {
		if i == 4 || i == 7 {
			if b != text[4] || b != '-' && b != '/' && b != '.' && b != '_' {
				return 0, false
			}
		} else if !isDigit(b) {
			return 0, false
		}
	}
	two := func(i int) int { return 10*int(text[i]-'0') + int(text[i+1]-'0') }
	y, m, d := 100*two(0)+two(2), two(5), two(8)
	if y < 1990 || y > 2099 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	return int64(10_000*y + 100*m + d), true
}

// isUUID reports whether 36 bytes are 8, 4, 4, 4 and 12 hexadecimal digits.
func isUUID(text []byte) bool {
	for i, b := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if b != '-' {
				return false
			}
		} else if !isHex(b) {
			return false
		}
	}
	return true
}
