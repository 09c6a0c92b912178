package documents

import (
	"regexp"
	"strings"
)

// A section is what a section of a document says in any language: what can be typed, and what
// counts.
type section struct {
	title    string            // with the signs of its level
	commands []string          // lines of code, without comments but for exit codes
	rows     []map[string]bool // of each row of its tables: code and numbers
	facts    map[string]bool   // the same of its prose
}

var (
	comment  = regexp.MustCompile(`(^| +)#.*`)
	number   = regexp.MustCompile(`\d+([.,]\d+)*`)
	linkURL  = regexp.MustCompile(`\]\([^)]*\)`)
	exitSaid = regexp.MustCompile(`exit code \d+`) // also in a comment
)

// sections cuts a document at its headings.
func sections(text string) (all []*section) {
	s, proseText, fenced := &section{}, "", false
	end := func() {
		s.facts = facts(proseText)
		all, proseText = append(all, s), ""
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case strings.Contains(line, "▶"): // a picture
		case fenced, strings.HasPrefix(line, "    "):
			s.commands = append(s.commands, exitSaid.FindString(line)+comment.ReplaceAllString(line, ""))
		case strings.HasPrefix(line, "#"):
			end()
			s = &section{title: line}
		case strings.HasPrefix(line, "|"):
			s.rows = append(s.rows, facts(line))
		default:
			proseText += line + "\n"
		}
	}
	end()
	return all
}

// facts returns the code and the numbers in a text.
func facts(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range code.FindAllStringSubmatch(text, -1) {
		all["`"+strings.Join(strings.Fields(m[1]), " ")+"`"] = true
	}
	for _, n := range number.FindAllString(linkURL.ReplaceAllString(code.ReplaceAllString(text, ""), ""), -1) {
		all[strings.ReplaceAll(n, ",", "")] = true
	}
	return all
}
