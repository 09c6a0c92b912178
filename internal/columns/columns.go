// Package columns tells how many columns of a terminal a text takes, and shortens it to so many.
// Chinese characters and emoji take two, an accent of its own none.
package columns

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Of returns how many columns a text takes.
func Of(text string) (n int) {
	for _, r := range text {
		n += of(r)
	}
	return n
}

func of(r rune) int {
	switch {
	case r < 0x300: // nothing below is wide, or has no column
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens a line to at most so many columns. Spaces at the end of a shorter one go too.
func Cut(line string, most int) string {
	if fits(line, most) == len(line) {
		return strings.TrimRight(line, " ")
	}
	return line[:fits(line, most-1)] + "…"
}

// Middle leaves out the middle of a text of more than so many columns.
func Middle(text string, most int) string {
	if Of(text) <= most {
		return text
	}
	begin := fits(text, most/2)
	end := len(text)
	for at, left := end, most-most/2-1; at > begin; {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if left -= of(r); left < 0 {
			break
		}
		if at -= size; of(r) > 0 { // an accent does not go without its letter
			end = at
		}
	}
	return text[:begin] + "…" + text[end:]
}

// fits returns how many bytes of a text take at most so many columns.
func fits(text string, most int) int {
	n := 0
	for i, r := range text {
		if n += of(r); n > most {
			return i
		}
	}
	return len(text)
}
