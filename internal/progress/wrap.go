package progress

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Wrap writes a text in lines of at most width columns, broken between words, behind what stands
// before its first line, and before the others. Errors of w are dropped.
func Wrap(w io.Writer, first, others, text string, width int) {
	line := first
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width:
			fmt.Fprintln(w, line)
			line = others
		default:
			line += " "
		}
		line += word
	}
	fmt.Fprintln(w, line)
}
