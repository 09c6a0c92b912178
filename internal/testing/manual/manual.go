// Package manual checks what the tools say of themselves: every flag of every command, in lines
// that fit a terminal. For the tests of both commands.
package manual

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// columns is how wide help may be.
const columns = 80

// CheckHelp checks the help of a tool and its commands. Help returns what the arguments print; most
// are the flags that stand first, by command.
func CheckHelp(t *testing.T, commands []*cli.Command, most map[string][]string, help func(args ...string) string) {
	t.Helper()
	for name := range most {
		if !slices.ContainsFunc(commands, func(c *cli.Command) bool { return c.Name == name }) {
			t.Errorf("flags of a command %s stand first, and there is none", name)
		}
	}
	checkWidth(t, "", help("--help"))
	for _, c := range commands {
		text := help(c.Name, "--help")
		checkWidth(t, c.Name, text)
		_, options, _ := strings.Cut(text, "\nOPTIONS:\n")
		options, _, _ = strings.Cut(options, "\n   Each can be set in the environment")
		var shown []string
		for _, m := range regexp.MustCompile(`(?m)^   (?:-[a-z], )?--([a-z-]+)( |$)`).FindAllStringSubmatch(options, -1) {
			shown = append(shown, m[1])
		}
		for _, f := range visible(c) {
			name := f.Names()[0]
			if f.GetCategory() == "" {
				t.Errorf("%s: --%s has no Category", c.Name, name)
			}
			if n := len(slices.DeleteFunc(slices.Clone(shown), func(s string) bool { return s != name })); n != 1 {
				t.Errorf("%s --help shows --%s %d times:\n%s", c.Name, name, n, text)
			}
		}
		if first := most[c.Name]; len(first) > 0 && !slices.Equal(shown[:min(len(first), len(shown))], first) {
			t.Errorf("%s --help begins with %v, not with %v", c.Name, shown, first)
		}
		if len(most[c.Name]) > 10 || len(most[c.Name]) == 0 && len(visible(c)) > 7 {
			t.Errorf("%s has %d flags, of which %d stand first", c.Name, len(visible(c)), len(most[c.Name]))
		}
	}
}

func checkWidth(t *testing.T, command, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns {
			t.Errorf("%s --help: %d columns: %s", command, n, line)
		}
	}
	if strings.Contains(text, "\n\n\n") {
		t.Errorf("%s --help has two empty lines:\n%s", command, text)
	}
	if strings.Count(text, "EXIT CODES:") != 1 {
		t.Errorf("%s --help shows the exit codes other than once", command)
	}
}

// visible returns the flags of a command that its help shows.
func visible(c *cli.Command) (flags []cli.CategorizableFlag) {
	for _, f := range c.Flags {
		if f, ok := f.(cli.CategorizableFlag); ok && f.IsVisible() {
			flags = append(flags, f)
		}
	}
	return flags
}
