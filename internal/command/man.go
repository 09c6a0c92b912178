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
			for _, of := range append(m.app.VisibleCommands(), nil) {
				p := m.page(of, false)
				var text bytes.Buffer
				if err := templates().ExecuteTemplate(&text, "man", p); err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(c.Args().First(), p.Name+".1"), text.Bytes(), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// prose writes a section, in the language of man(7): prose in lines that man fills, and what is
// typed, which begins with the tool, as it is.
func prose(s section, tool string) string {
	text := ".SH " + s.Title + "\n"
	for i, block := range strings.Split(s.Text, "\n\n") {
		typed := s.Title == "EXAMPLES"
		lines := strings.Split(block, "\n")
		for j, line := range lines {
			line = strings.TrimPrefix(line, "   ")
			typed = typed || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, tool+" ")
			lines[j] = roff(line)
		}
		if i > 0 {
			text += ".PP\n"
		}
		block = strings.Join(lines, "\n") + "\n"
		if typed { // 80 columns fit if it stands further to the left than prose
			block = ".in 3n\n.nf\n" + block + ".fi\n.in\n"
		}
		text += block
	}
	return text
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
