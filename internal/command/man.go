package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// manCommand writes the manual pages, for those who make packages.
func (m manual) manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "write the manual pages into a directory", UsageText: m.app.Name + " man DIR", ArgsUsage: "DIR", Hidden: true,
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return exitcode.Usagef("name the directory for the pages")
			}
			pages := map[string][]byte{m.app.Name: m.overviewPage()}
			for _, of := range m.app.VisibleCommands() {
				pages[m.app.Name+"-"+of.Name] = m.page(of)
			}
			for name, page := range pages {
				if err := os.WriteFile(filepath.Join(c.Args().First(), name+".1"), page, 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// page returns the manual page of a command, in the language of man(7).
func (m manual) page(c *cli.Command) []byte {
	name := m.app.Name + "-" + c.Name
	w := start(name, c.Usage)
	fmt.Fprintf(w, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(c.UsageText))
	parts := sections(c.Description)
	for _, s := range parts {
		if s.isEarly() {
			s.writePage(w, m.app.Name)
		}
	}
	gs := m.groups(c)
	for _, g := range gs {
		if g.topic == "" {
			fmt.Fprintln(w, ".SH OPTIONS")
		} else {
			fmt.Fprintf(w, ".SS %s\n", roff(g.topic))
		}
		for _, f := range g.flags {
			f.writePage(w)
		}
	}
	if len(gs) > 0 {
		fmt.Fprintf(w, ".SH ENVIRONMENT\n%s\n", roff(variables(m.app.Name, gs[0].flags[0].flag)))
	}
	for _, s := range parts {
		if !s.isEarly() {
			s.writePage(w, m.app.Name)
		}
	}
	m.end(w, c.Name)
	return w.Bytes()
}

// overviewPage returns the page of the tool itself.
func (m manual) overviewPage() []byte {
	w := start(m.app.Name, m.app.Usage)
	fmt.Fprintf(w, ".SH SYNOPSIS\n.nf\n%s COMMAND [options]\n.fi\n.SH COMMANDS\n", roff(m.app.Name))
	for _, c := range m.app.VisibleCommands() {
		fmt.Fprintf(w, ".TP\n\\fB%s\\fR\n%s\n", roff(c.Name), roff(c.Usage))
	}
	m.end(w, "")
	return w.Bytes()
}

func start(name, does string) *bytes.Buffer {
	w := new(bytes.Buffer)
	date, _, _ := strings.Cut(built.Date, "T")
	fmt.Fprintf(w, ".TH %s 1 \"%s\" \"pika2kvrocks %s\"\n.nh\n.ad l\n.SH NAME\n%s \\- %s\n", roff(strings.ToUpper(name)), date, built.Version, roff(name), roff(does))
	return w
}

// end writes the exit codes and the other pages.
func (m manual) end(w *bytes.Buffer, command string) {
	section{"EXIT STATUS", strings.TrimSpace(strings.TrimPrefix(exitcode.Help, "EXIT CODES:\n"))}.writePage(w, "0")
	var others []string
	if command != "" {
		others = append(others, m.app.Name)
	}
	for _, c := range m.app.VisibleCommands() {
		if c.Name != command {
			others = append(others, m.app.Name+"-"+c.Name)
		}
	}
	for i, name := range others {
		others[i] = `\fB` + roff(name) + `\fR(1)`
	}
	fmt.Fprintf(w, ".SH SEE ALSO\n%s\n", strings.Join(others, ",\n"))
}

// writePage writes prose in lines that man fills, and what is typed, which begins with the tool, as
// it is.
func (s section) writePage(w *bytes.Buffer, tool string) {
	if s.text == "" {
		return
	}
	title := s.title
	if title == "" {
		title = "DESCRIPTION"
	}
	fmt.Fprintf(w, ".SH %s\n", title)
	for i, block := range strings.Split(s.text, "\n\n") {
		typed := title == "EXAMPLES"
		lines := strings.Split(block, "\n")
		for j, line := range lines {
			if s.title != "" {
				line = strings.TrimPrefix(line, "   ")
			}
			typed = typed || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, tool+" ")
			lines[j] = roff(line)
		}
		text := strings.Join(lines, "\n")
		if typed { // 80 columns fit if it stands further to the left than prose
			text = ".in 3n\n.nf\n" + text + "\n.fi\n.in"
		}
		if i > 0 {
			text = ".PP\n" + text
		}
		fmt.Fprintln(w, text)
	}
}

func (f flagText) writePage(w *bytes.Buffer) {
	names := make([]string, len(f.names))
	for i, n := range f.names {
		names[i] = `\fB` + roff(n) + `\fR`
	}
	line := strings.Join(names, ", ")
	if f.value != "" {
		line += ` \fI` + roff(f.value) + `\fR`
	}
	if f.repeats {
		line += " ..."
	}
	fmt.Fprintf(w, ".TP\n%s\n%s\n", line, roff(f.usage))
}

// roff returns text with what the language of man pages would take for its own escaped. A hyphen
// becomes a minus, which is what one types.
func roff(text string) string {
	var out strings.Builder
	for i, r := range text {
		switch {
		case i == 0 && (r == '.' || r == '\''):
			out.WriteString(`\&` + string(r))
		case r == '\\':
			out.WriteString(`\e`)
		case r == '-':
			out.WriteString(`\-`)
		case r > '~':
			fmt.Fprintf(&out, `\[u%04X]`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
