package command

import (
	_ "embed"
	"io"
	"regexp"
	"strings"
	"sync"
	"text/template"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Help is helpWidth columns wide, or as a terminal is; what a flag does stands below it.
const helpWidth = 80

// A manual is what there is to say of the commands of an app.
type manual struct {
	app  *cli.App
	most map[string]string // by command, the flags that most need, with spaces between them
}

//go:embed manual.tmpl
var manualText string

// templates are those of the help of a command and of the tool, and of a manual page.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"join": strings.Join, "upper": strings.ToUpper, "wrap": wrapped, "roff": roff, "prose": prose,
	}).Parse(manualText))
})

// print takes the place of the library's template. Who reads it may end before it.
func (m manual) print(w io.Writer, _ string, of any) {
	name := "tool"
	c, ok := of.(*cli.Command)
	if ok {
		name = "command"
	}
	var text strings.Builder
	_ = templates().ExecuteTemplate(&text, name, m.page(c, true))
	_, _ = io.WriteString(w, progress.Narrow(text.String(), progress.Width(w)))
}

// A page is what the templates show of a command, or of the tool: then Command is empty.
type page struct {
	Tool, Command, Name, Does, Synopsis string

	Early, Late []section // before the flags, and behind them
	Groups      []group
	Environment string         // how flags are called there
	Commands    []*cli.Command // of the tool

	Codes         string
	Status        section // the same, on a manual page
	Others        []string
	Version, Date string
}

// page returns the page of a command, nil: of the tool. Of a long description only the first
// paragraph stands before the flags if it is to be short.
func (m manual) page(c *cli.Command, short bool) page {
	p := page{
		Tool: m.app.Name, Name: m.app.Name, Does: m.app.Usage, Synopsis: m.app.Name + " COMMAND [options]",
		Codes: exitcode.Help, Version: built.Version, Commands: m.app.VisibleCommands(),
		Status: section{"EXIT STATUS", strings.TrimSpace(strings.TrimPrefix(exitcode.Help, "EXIT CODES:\n"))},
	}
	p.Date, _, _ = strings.Cut(built.Date, "T")
	if c != nil {
		p.Command, p.Does, p.Synopsis, p.Name = c.Name, c.Usage, c.UsageText, m.app.Name+"-"+c.Name
		p.Others = []string{m.app.Name}
		p.Groups = m.groups(c)
	}
	for _, other := range p.Commands {
		if other.Name != p.Command {
			p.Others = append(p.Others, m.app.Name+"-"+other.Name)
		}
	}
	if c == nil {
		return p
	}
	p.Commands = nil
	if len(p.Groups) > 0 {
		name := p.Groups[0].Flags[0].flag.Names()[0]
		p.Environment = "Each can be set in the environment: --" + name + " is " + variable(m.app.Name, name) + "."
	}
	for _, s := range sections(c.Description, short) {
		if s.Title == description || s.Title == "EXAMPLES" {
			p.Early = append(p.Early, s)
		} else {
			p.Late = append(p.Late, s)
		}
	}
	return p
}

// A section is a part of a command's description: a heading, such as EXAMPLES, and what stands
// below it, indented.
type section struct{ Title, Text string }

var heading = regexp.MustCompile(`(?m)^([A-Z][A-Z ]*):$`)

const (
	// description is the title of what has no heading.
	description = "DESCRIPTION"
	// longDescription is a description, in lines, of which only the first paragraph stands before
	// the flags.
	longDescription = 14
)

// sections divides a description at its headings.
func sections(text string, short bool) (all []section) {
	first, rest := text, ""
	if at := heading.FindStringIndex(text); at != nil {
		first, rest = text[:at[0]], text[at[0]:]
	}
	if first = strings.Trim(first, "\n"); first != "" {
		indented := strings.ReplaceAll("   "+strings.ReplaceAll(first, "\n", "\n   "), "\n   \n", "\n\n")
		paragraph, details, _ := strings.Cut(indented, "\n\n")
		if short && strings.Count(first, "\n") >= longDescription {
			all = []section{{description, paragraph}, {"DETAILS", details}}
		} else {
			all = []section{{description, indented}}
		}
	}
	titles := heading.FindAllStringSubmatch(rest, -1)
	for i, text := range heading.Split(rest, -1)[1:] {
		all = append(all, section{titles[i][1], strings.Trim(text, "\n")})
	}
	return all
}

// wrapped breaks text into lines that fit, each behind a margin of so many columns.
func wrapped(margin int, text string) string {
	var lines strings.Builder
	space := strings.Repeat(" ", margin)
	progress.Wrap(&lines, space, space, text, helpWidth)
	return strings.TrimSuffix(lines.String(), "\n")
}
