package command

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// completeName is the command that the scripts of the shells ask: its arguments are the words of
// the command line, the last as far as it is typed. It prints a line for each that fits, with a tab
// before what it means, and then how to go on: see endings.
const completeName = "__complete"

// The endings of an answer to completeName.
const (
	endSpace   = ":space"   // a space stands behind the word
	endNoSpace = ":nospace" // the word may go on
	endFiles   = ":files"   // it is the name of a file
	endDirs    = ":dirs"    // it is the name of a directory
)

// shells are those for which there is a script.
const shells = "bash|zsh|fish"

//go:embed completion
var scripts embed.FS

// A candidate is a word that fits, and what it means.
type candidate struct{ word, means string }

func complete(app *cli.App, words []string, w io.Writer) {
	if len(words) == 0 {
		words = []string{""}
	}
	candidates, end := candidatesFor(app, words[:len(words)-1], words[len(words)-1])
	typed := words[len(words)-1]
	if typed == "=" { // bash has it as a word of its own
		typed = ""
	}
	for _, c := range candidates {
		if strings.HasPrefix(c.word, typed) {
			fmt.Fprintf(w, "%s\t%s\n", c.word, c.means)
		}
	}
	fmt.Fprintln(w, end)
}

// candidatesFor returns what can stand behind the words.
func candidatesFor(app *cli.App, before []string, typed string) (words []candidate, end string) {
	if len(before) > 0 && before[0] == printConfig { // it has the flags of the command that follows
		before = before[1:]
	}
	if len(before) == 0 || before[0] == "help" {
		for _, c := range app.VisibleCommands() {
			words = append(words, candidate{c.Name, c.Usage})
		}
		return words, endSpace
	}
	c := app.Command(before[0])
	if c == nil {
		return nil, endSpace
	}
	before = slices.DeleteFunc(slices.Clone(before[1:]), func(w string) bool { return w == "=" })
	if typed == "=" {
		typed = ""
	}
	if len(before) > 0 {
		if f, ok := valueOf(app.Name, c, before[len(before)-1]); ok {
			return values(f.Value, typed, "")
		}
	}
	if name, value, given := strings.Cut(typed, "="); given {
		if f, ok := valueOf(app.Name, c, name); ok {
			return values(f.Value, value, name+"=")
		}
	}
	if !strings.HasPrefix(typed, "-") && c.ArgsUsage != "" {
		return values(c.ArgsUsage, typed, "")
	}
	for _, f := range c.Flags {
		if t, ok := describe(app.Name, f); ok && (t.Repeats || !slices.ContainsFunc(t.Names, func(n string) bool { return slices.Contains(before, n) })) {
			words = append(words, candidate{t.Names[len(t.Names)-1], firstClause(t.Usage)})
		}
	}
	return append(words, candidate{"--help", "show help"}), endSpace
}

// valueOf returns the flag whose value is to follow the word; false: none.
func valueOf(tool string, c *cli.Command, word string) (flagText, bool) {
	if !strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
		return flagText{}, false
	}
	f := flagOf(c.Flags, strings.TrimLeft(word, "-"))
	if f == nil {
		return flagText{}, false
	}
	t, ok := describe(tool, f)
	return t, ok && t.Value != ""
}

// values returns what can be the value that the stand-in describes, each behind the prefix.
func values(standIn, typed, prefix string) (words []candidate, end string) {
	end = endSpace
	switch {
	case standIn == "FILE" && prefix == "":
		return nil, endFiles
	case standIn == "DIR" && prefix == "":
		return nil, endDirs
	}
	all, list := choices(standIn)
	var chosen []string
	if i := strings.LastIndexByte(typed, ','); list && i >= 0 {
		chosen = strings.Split(typed[:i], ",")
		prefix += typed[:i+1]
	}
	for _, word := range all {
		if !slices.Contains(chosen, word) {
			words = append(words, candidate{prefix + word, ""})
		}
	}
	if list {
		end = endNoSpace
	}
	return words, end
}

// firstClause is as much of a text as stands beside a candidate.
func firstClause(text string) string {
	if i := strings.IndexAny(text, ":;("); i > 0 {
		text = text[:i]
	}
	return strings.TrimRight(text, " ")
}

func completionCommand(tool string) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script for bash, zsh or fish",
		UsageText: tool + " completion " + shells, ArgsUsage: shells,
		Description: strings.ReplaceAll(`The packages bring these scripts along. Without them, have the shell read one
at its start: put the line of the example into ~/.bashrc, ~/.zshrc (after
compinit) or ~/.config/fish/config.fish.

EXAMPLES:
   source <(TOOL completion bash)
   source <(TOOL completion zsh)
   TOOL completion fish | source
`, "TOOL", tool),
		Action: func(c *cli.Context) error {
			script, err := scripts.ReadFile("completion/" + c.Args().First())
			if err != nil || c.Args().Len() != 1 {
				return exitcode.Usagef("name one shell: %s", strings.ReplaceAll(shells, "|", ", "))
			}
			_, err = io.WriteString(c.App.Writer, strings.ReplaceAll(string(script), "TOOL", tool))
			return err
		},
	}
}
