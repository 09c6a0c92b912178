// Package manual checks what the tools say of themselves: every flag of every command, in lines
// that fit a terminal, in the help and in manual pages; and that what completion offers is taken.
// For the tests of both commands.
package manual

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

const columns = 80

// CheckHelp checks the help of a tool and its commands. Help returns what the arguments print; most
// are the flags that stand first, by command.
func CheckHelp(t *testing.T, commands []*cli.Command, most map[string]string, help func(args ...string) string) {
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
		for _, m := range regexp.MustCompile(`(?m)^   (?:-[a-z], )?--([a-z0-9-]+)( |$)`).FindAllStringSubmatch(options, -1) {
			shown = append(shown, m[1])
		}
		for _, f := range visible(c) {
			name := f.Names()[0]
			if f.GetCategory() == "" {
				t.Errorf("%s: --%s has no Category", c.Name, name)
			}
			own := regexp.MustCompile(`(redis-cli|dump|plan)( --[a-z]+)+`).ReplaceAllString(f.(cli.DocGenerationFlag).GetUsage(), "")
			for _, other := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(own, -1) {
				if !slices.Contains(shown, other[2:]) {
					t.Errorf("%s has no %s, which its --%s names", c.Name, other, name)
				}
			}
			if n := len(slices.DeleteFunc(slices.Clone(shown), func(s string) bool { return s != name })); n != 1 {
				t.Errorf("%s --help shows --%s %d times:\n%s", c.Name, name, n, text)
			}
		}
		first := strings.Fields(most[c.Name])
		if len(first) > 0 && !slices.Equal(shown[:min(len(first), len(shown))], first) {
			t.Errorf("%s --help begins with %v, not with %v", c.Name, shown, first)
		}
		if len(first) > 10 || len(first) == 0 && len(visible(c)) > 7 {
			t.Errorf("%s has %d flags, of which %d stand first", c.Name, len(visible(c)), len(first))
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

// CheckPages checks the manual pages, which run("man", DIR) writes.
func CheckPages(t *testing.T, tool string, commands []*cli.Command, run func(args ...string) string) {
	t.Helper()
	dir := t.TempDir()
	run("man", dir)
	_, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log("NO mandoc: THE MANUAL PAGES ARE NOT PARSED")
	}
	check := func(name string, names []string) {
		path := filepath.Join(dir, name+".1")
		page, readErr := os.ReadFile(path)
		if readErr != nil {
			t.Error(readErr)
			return
		}
		for _, name := range names {
			if want := `\fB` + strings.ReplaceAll(name, "-", `\-`) + `\fR`; strings.Count(string(page), want) != 1 {
				t.Errorf("%s names %s other than once", path, name)
			}
		}
		if err != nil {
			return
		}
		out, _ := exec.Command("mandoc", "-T", "lint", "-W", "warning", path).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "missing date") { // a test is no build in a clone
				t.Errorf("mandoc: %s", line)
			}
		}
		shown, err := exec.Command("mandoc", "-T", "utf8", "-O", "width=80", path).Output()
		if err != nil {
			t.Errorf("mandoc %s: %v", path, err)
		}
		for line := range strings.Lines(overstruck.ReplaceAllString(string(shown), "")) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns {
				t.Errorf("%s: %d columns: %s", path, n, line)
			}
		}
	}
	var pages []string
	for _, c := range commands {
		pages = append(pages, tool+"-"+c.Name)
		var names []string
		for _, f := range visible(c) {
			names = append(names, "--"+f.Names()[0])
		}
		check(tool+"-"+c.Name, names)
	}
	check(tool, nil)
	if all, err := filepath.Glob(filepath.Join(dir, "*.1")); err != nil || len(all) < len(pages)+1 {
		t.Errorf("%v, %v", all, err)
	}
}

// overstruck is how mandoc makes bold what a terminal shows.
var overstruck = regexp.MustCompile(".\b")

// CheckChoices has parse take each value that completion offers for a flag of the command; args are
// what the command needs beside.
func CheckChoices(t *testing.T, command func() *cli.Command, args []string, run func(args ...string) string, parse func(*cli.Context) error) {
	t.Helper()
	c, flags := command(), 0
	for _, f := range visible(c) {
		name := "--" + f.Names()[0]
		if d, ok := f.(cli.DocGenerationFlag); !ok || !d.TakesValue() {
			continue
		}
		words := strings.Fields(run("__complete", c.Name, name, ""))
		words = words[:len(words)-1] // how to go on
		flags += min(1, len(words))
		for _, word := range words {
			fresh := command() // the library changes it
			fresh.Action = parse
			app := &cli.App{Name: "tool", Writer: io.Discard, ErrWriter: io.Discard, HideHelpCommand: true, Commands: []*cli.Command{fresh}}
			if err := app.Run(slices.Concat([]string{"tool", c.Name}, args, []string{name, word})); err != nil {
				t.Errorf("%s %s %s is what completion offers: %v", c.Name, name, word, err)
			}
		}
	}
	if flags < 3 {
		t.Errorf("of the flags of %s %d have choices", c.Name, flags)
	}
}

// next finds the commands that a summary names, in its text or in its JSON.
var next = regexp.MustCompile(`(?m)(?:  next      |^            |^    ")((?:pikadump|kvload) .*?)(?:",?)?$`)

// WrongNext returns those of the tool's commands that output says are next which it does not have,
// or not with these flags.
func WrongNext(tool string, commands []*cli.Command, output string) (wrong []string) {
	for _, m := range next.FindAllStringSubmatch(output, -1) {
		words := strings.Fields(m[1])
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == words[1] })
		isUnknown := func(word string) bool {
			name, is := strings.CutPrefix(word, "--")
			return is && !slices.ContainsFunc(commands[i].Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		}
		if words[0] == tool && (i < 0 || slices.ContainsFunc(words[2:], isUnknown)) {
			wrong = append(wrong, m[1])
		}
	}
	return wrong
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
