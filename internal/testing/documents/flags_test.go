package documents

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// typed finds the command and the flags in what a reader is told to type.
var typed = regexp.MustCompile(`^(?:pikadump|kvload) ([a-z][a-z-]*)|(?:^| )--([a-z][a-z0-9-]*[a-z0-9])(?:[^a-z0-9-]|$)`)

// TestFlagsAndCommandsExist: what the documents tell a reader to type is a command or a flag of the
// tools.
func TestFlagsAndCommandsExist(t *testing.T) {
	names := read(t).formats
	for _, name := range documents(t) {
		for _, s := range sections(readFile(t, name)) {
			said := slices.Collect(maps.Keys(s.facts))
			for _, row := range s.rows {
				said = slices.AppendSeq(said, maps.Keys(row))
			}
			for _, text := range pipes(append(said, s.commands...)) {
				text = strings.Trim(text, "` ")
				if !strings.HasPrefix(text, "pikadump ") && !strings.HasPrefix(text, "kvload ") && !strings.HasPrefix(text, "--") {
					continue // of another program
				}
				for _, m := range typed.FindAllStringSubmatch(text, -1) {
					if word := m[1] + m[2]; names[word] == "" && word != "help" && word != "version" {
						t.Errorf("%s, %q: %s is no command and no flag, in %s", name, s.title, word, text)
					}
				}
			}
		}
	}
}

// pipes returns the programs of command lines, each for itself.
func pipes(lines []string) (all []string) {
	for _, line := range lines {
		all = append(all, strings.Split(line, " | ")...)
	}
	return all
}
