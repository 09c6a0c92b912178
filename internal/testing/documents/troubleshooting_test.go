package documents

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	root = "../../.."
	page = "docs/TROUBLESHOOTING.md"
	// messages is the first cell of the tables of messages.
	messages = "message"
	maxLine  = 100
)

var code = regexp.MustCompile("`([^`]+)`")

// readPage returns the entries of the page's tables, by the first cell of the table's head.
func readPage(t *testing.T) map[string][]string {
	tables, head, rows := map[string][]string{}, "", 0
	for i, line := range strings.Split(readFile(t, page), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || cells[0] != "" {
			head, rows = "", 0
			if n := utf8.RuneCountInString(line); n > maxLine {
				t.Errorf("%s:%d has %d columns, more than %d", page, i+1, n, maxLine)
			}
			continue
		}
		first := strings.TrimSpace(cells[1])
		switch rows++; {
		case rows == 1:
			head = first
		case rows > 2:
			for _, m := range code.FindAllStringSubmatch(first, -1) {
				tables[head] = append(tables[head], m[1])
			}
		}
	}
	return tables
}

// covers reports whether an entry of the page is the beginning of a message, and says enough of it.
func covers(entry, message string) bool {
	return strings.HasPrefix(message, entry) && (literals(strings.TrimPrefix(entry, "refused: ")) >= least || literals(entry) == literals(message))
}

func TestPageListsWhatTheCodeSays(t *testing.T) {
	s, tables := read(t), readPage(t)
	for _, message := range slices.Sorted(maps.Keys(s.messages)) {
		if !slices.ContainsFunc(tables[messages], func(entry string) bool { return covers(entry, message) }) {
			t.Errorf("%s: not in %s. Add to the table of its exit code:\n| `%s` | CAUSE | WHAT TO DO |", s.messages[message], page, message)
		}
	}
	for list, entries := range s.lists {
		for _, entry := range slices.Sorted(maps.Keys(entries)) {
			if !slices.Contains(tables[list], entry) {
				t.Errorf("%s: not in %s. Add to the table whose first column is %q:\n| `%s` | MEANING | WHAT TO DO |", entries[entry], page, list, entry)
			}
		}
	}
}

func TestCodeSaysWhatThePageLists(t *testing.T) {
	s, tables := read(t), readPage(t)
	for _, entry := range tables[messages] {
		has := func(text string) bool { return covers(entry, text) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.texts)), has) && !slices.ContainsFunc(slices.Collect(maps.Keys(s.messages)), has) {
			t.Errorf("%s lists a message that no code says any more (or says in fewer than %d words of it): correct or remove\n| `%s` | …", page, least, entry)
		}
	}
	for list, entries := range s.lists {
		for _, entry := range tables[list] {
			if _, ok := entries[entry]; !ok {
				t.Errorf("%s: in the table %q, `%s` is not in the code any more: correct or remove it", page, list, entry)
			}
		}
	}
}
