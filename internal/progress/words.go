package progress

import (
	"bytes"
	"regexp"
	"unicode/utf8"
)

// pasted finds a command in a message that one is to paste.
var pasted = regexp.MustCompile(`\b(pikadump|kvload) [a-z-]+ -`)

// atWords breaks a line between words where it would wrap within one. A line with a command is left
// to the terminal: it could not be pasted.
func atWords(line []byte, width int) []byte {
	if utf8.RuneCount(line) <= width || pasted.Match(line) {
		return line
	}
	const margin = "  "
	var out []byte
	for rest, room := line, width; ; room = width - len(margin) {
		end, last, n := len(rest), 0, 0
		for i := 0; i < len(rest); n++ {
			if rest[i] == ' ' && i > 0 {
				last = i
			}
			if n == room && rest[i] != '\n' {
				end = last
				break
			}
			_, size := utf8.DecodeRune(rest[i:])
			i += size
		}
		if end == len(rest) || len(bytes.TrimSpace(rest[:end])) == 0 { // it fits, or is one word
			return append(out, rest...)
		}
		out = append(append(append(out, bytes.TrimRight(rest[:end], " ")...), '\n'), margin...)
		rest = bytes.TrimLeft(rest[end:], " ")
	}
}
