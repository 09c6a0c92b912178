package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// Help is helpWidth columns wide; what a flag does stands below it, helpIndent columns from the
// left.
const (
	helpWidth  = 80
	helpIndent = 7
)

// libraryFlag is how the library shows a flag: in one line, its names before a tab.
var libraryFlag = cli.FlagStringer

// showFlag shows a flag in lines that fit a terminal.
func showFlag(f cli.Flag) string {
	names, usage, _ := strings.Cut(libraryFlag(f), "\t")
	if once, _, more := strings.Cut(names, " [ "); more {
		names = once + " ..."
	}
	usage = strings.Replace(usage, " (default: false)", "", 1)
	margin := strings.Repeat(" ", helpIndent)
	lines, line := []string{names}, margin
	for _, word := range strings.Fields(usage) {
		if line != margin && len(line)+len(word) >= helpWidth {
			lines, line = append(lines, line), margin
		}
		if line != margin {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// narrow changes a template of the library, which would indent the lines of flags without a
// category once more.
func narrow(template string) string {
	return strings.Replace(template, `{{template "visibleFlagTemplate" .}}`, "{{range .VisibleFlags}}\n   {{.}}{{end}}", 1)
}
