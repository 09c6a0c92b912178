package progress

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	// pasted finds a command in a message that one is to paste, goesOn a line in which one goes on.
	pasted = regexp.MustCompile(`\b(pikadump|kvload) [a-z-]+ -`)
	goesOn = regexp.MustCompile(`^ +(--[a-z]|')`)
)

// atWords breaks a line between words where it would wrap within one. What begins with a command
// has a line of its own, and is left to the terminal: broken, it could not be pasted.
func atWords(line []byte, width int) []byte {
	const margin = "  "
	if utf8.RuneCount(line) <= width || goesOn.Match(line) {
		return line
	}
	if at := pasted.FindIndex(line); at != nil {
		before := line[:bytes.LastIndexByte(line[:at[0]], ' ')+1] // a bracket before it goes with it
		if len(before) == 0 {
			return line
		}
		return bytes.Join([][]byte{atWords(bytes.TrimRight(before, " "), width), line[len(before):]}, []byte("\n"+margin))
	}
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

var (
	shell   = regexp.MustCompile(`^\s*(#|(\S+=\S+ |.*\| |ssh .*)*(pikadump|kvload) [a-z-]+ )|\\\n$`)
	leading = regexp.MustCompile(`^ *(\S+  +)?`) // to the text in the second column of a table
)

// Narrow breaks the paragraphs of a text that are wider than so many columns between words, each
// behind its margin, but no commands that are to be pasted. 0 columns: it breaks none.
func Narrow(text string, width int) string {
	if width == 0 {
		return text
	}
	var out strings.Builder
	var lines, words, first, margin string // of a paragraph
	wide := false
	end := func() {
		if wide {
			Wrap(&out, first, margin, words, width)
		} else {
			out.WriteString(lines)
		}
		lines, words, wide = "", "", false
	}
	for line := range strings.Lines(text) {
		before, asIs := leading.FindString(line), shell.MatchString(line)
		if asIs || before != margin || len(line) == len(before)+1 {
			end()
			first, margin = before, strings.Repeat(" ", len(before))
		}
		lines, words = lines+line, words+line[len(before):]
		if wide = wide || utf8.RuneCountInString(line) > width+1; asIs {
			wide, margin = false, "as it is"
		}
	}
	end()
	return out.String()
}

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
