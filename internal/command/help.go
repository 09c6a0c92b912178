package command

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Help is helpWidth columns wide; what a flag does stands below it.
const helpWidth = 80

// A manual is what there is to say of the commands of an app.
type manual struct {
	app  *cli.App
	most map[string]string // by command, the flags that most need, with spaces between them
}

// print takes the place of the library's template.
func (m manual) print(w io.Writer, _ string, of any) {
	if c, ok := of.(*cli.Command); ok {
		m.writeHelp(w, c)
		return
	}
	m.writeOverview(w)
}

// variables says how the flags are called in the environment.
func variables(tool string, f cli.Flag) string {
	name := f.Names()[0]
	return "Each can be set in the environment: --" + name + " is " + variable(tool, name) + "."
}

// A section is a part of a command's description: a heading, such as EXAMPLES, and what stands
// below it. The first has no heading.
type section struct{ title, text string }

var heading = regexp.MustCompile(`(?m)^([A-Z][A-Z ]*):$`)

// sections divides a description at its headings.
func sections(description string) []section {
	from, title := 0, ""
	var all []section
	for _, at := range heading.FindAllStringSubmatchIndex(description, -1) {
		all = append(all, section{title, strings.Trim(description[from:at[0]], "\n")})
		from, title = at[1], description[at[2]:at[3]]
	}
	return append(all, section{title, strings.Trim(description[from:], "\n")})
}

// longDescription is a description, in lines, of which only the first paragraph stands before the
// flags.
const longDescription = 14

// detailed returns the sections with the rest of a long description as one of its own.
func detailed(all []section) []section {
	if first, rest, _ := strings.Cut(all[0].text, "\n\n"); strings.Count(all[0].text, "\n") >= longDescription {
		all[0].text = first
		all = slices.Insert(all, 1, section{"DETAILS", indented(rest)})
	}
	return all
}

// indented returns text as it stands below a heading.
func indented(text string) string {
	return strings.ReplaceAll("   "+strings.ReplaceAll(text, "\n", "\n   "), "\n   \n", "\n\n")
}

// isEarly reports whether a section stands before the flags.
func (s section) isEarly() bool { return s.title == "" || s.title == "EXAMPLES" }

// writeHelp writes the help of a command.
func (m manual) writeHelp(w io.Writer, c *cli.Command) {
	fmt.Fprintln(w, "NAME:")
	writeWrapped(w, 3, m.app.Name+" "+c.Name+" - "+c.Usage)
	fmt.Fprintf(w, "\nUSAGE:\n   %s\n", c.UsageText)
	parts := detailed(sections(c.Description))
	for _, s := range parts {
		if s.isEarly() && s.text != "" {
			s.write(w)
		}
	}
	gs := m.groups(c)
	for _, g := range gs {
		fmt.Fprintf(w, "\n%s:\n", strings.ToUpper(g.title()))
		for _, f := range g.flags {
			f.write(w)
		}
	}
	if len(gs) > 0 {
		fmt.Fprintln(w)
		writeWrapped(w, 3, variables(m.app.Name, gs[0].flags[0].flag))
	}
	for _, s := range parts {
		if !s.isEarly() {
			s.write(w)
		}
	}
	fmt.Fprintf(w, "\n%s", exitcode.Help)
}

func (g group) title() string {
	if g.topic == "" {
		return "Options"
	}
	return g.topic
}

func (s section) write(w io.Writer) {
	title, text := s.title, s.text
	if title == "" { // what stands below a heading is indented already
		title, text = "DESCRIPTION", indented(text)
	}
	fmt.Fprintf(w, "\n%s:\n%s\n", title, text)
}

func (f flagText) write(w io.Writer) {
	line := "   " + strings.Join(f.names, ", ")
	if f.value != "" {
		line += " " + f.value
	}
	if f.repeats {
		line += " ..."
	}
	fmt.Fprintln(w, line)
	writeWrapped(w, 7, f.usage)
}

// writeOverview writes the help of the tool itself.
func (m manual) writeOverview(w io.Writer) {
	name := m.app.Name
	fmt.Fprintf(w, "NAME:\n   %s - %s\n\nUSAGE:\n   %[1]s COMMAND [options]\n\nVERSION:\n   %[3]s\n\nCOMMANDS:\n", name, m.app.Usage, built.Version)
	for _, c := range m.app.VisibleCommands() {
		fmt.Fprintf(w, "   %-14s%s\n", c.Name, c.Usage)
	}
	fmt.Fprintf(w, "\n   %s COMMAND --help shows the options of a command, with examples.\n\n%s", name, exitcode.Help)
}

// writeWrapped breaks text into lines that fit, each behind a margin of so many columns.
func writeWrapped(w io.Writer, margin int, text string) {
	space := strings.Repeat(" ", margin)
	progress.Wrap(w, space, space, text, helpWidth)
}
