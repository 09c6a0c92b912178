package command

import (
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// The keys of App.Metadata.
const (
	endingKey = "ending"
	argsKey   = "args"
)

// An ending is what is shown when a command has ended.
type ending struct {
	c     *cli.Context
	s     *summary.Summary
	quiet bool // it has printed JSON of its own
	next  func(s *summary.Summary, err error) []string
}

// Summarize begins the summary of a command, which is shown when it has ended. Next returns the
// commands to run next, once the summary says how this one has ended; nil: there are none.
func Summarize(c *cli.Context, next func(s *summary.Summary, err error) []string) *summary.Summary {
	s := summary.New(c.App.Name, c.App.Version, c.Command.Name)
	c.App.Metadata[endingKey] = &ending{c: c, s: s, next: next}
	return s
}

// PrintedJSON says that a command has printed its result as JSON itself.
func PrintedJSON(c *cli.Context) { c.App.Metadata[endingKey].(*ending).quiet = true }

// Out is where a command says what came out: standard output, or if that is for JSON, where
// messages go.
func Out(c *cli.Context) io.Writer {
	if c.Bool("json") {
		return c.App.ErrWriter
	}
	return c.App.Writer
}

// conclude shows how a command has ended. Main shows the error behind it.
func conclude(app *cli.App, args []string, err error, code int) error {
	e, _ := app.Metadata[endingKey].(*ending)
	if e == nil { // it did not come to a summary
		c := commandOf(app, args)
		if err == nil || c == nil || flagOf(c.Flags, "json") == nil || !slices.ContainsFunc(args[2:], func(a string) bool {
			return a == "--json" || a == "-json" || a == "--json=true"
		}) {
			return nil
		}
		s := summary.New(app.Name, app.Version, c.Name)
		s.End(err, code)
		return s.JSON(app.Writer)
	}
	if e.quiet {
		return nil
	}
	e.s.End(err, code)
	if e.next != nil {
		e.s.Next = append(e.s.Next, e.next(e.s, err)...)
	}
	if e.c.Bool("json") {
		return e.s.JSON(app.Writer)
	}
	w := textOut(e.c, e.s)
	if f, ok := w.(*os.File); w == app.ErrWriter && progress.IsTerminal(os.Stderr) || ok && progress.IsTerminal(f) {
		return e.s.Text(w)
	}
	_, err = io.WriteString(w, e.s.String()) // in a log each line begins with a time: what is to be pasted stays in one
	return err
}

// textOut is where the text of a summary goes: of commands whose purpose it is, to standard output.
func textOut(c *cli.Context, s *summary.Summary) io.Writer {
	if s.DryRun {
		return c.App.Writer // where the table of its checks is
	}
	switch c.Command.Name {
	case "verify", "finish", "check", "inspect", "plan":
		return c.App.Writer
	}
	return c.App.ErrWriter
}

// IsUnfinished reports whether a run has ended in a way that the same command with --resume
// continues.
func IsUnfinished(s *summary.Summary, err error) bool {
	return (s.Result == summary.Stopped || s.Result == summary.Failed) && s.Dump.ID != "" && exitcode.IsResumable(err)
}

// Next writes a command line to paste: a tool and its command, the flags of this command line that
// keep chooses, and more. What is given with a flag is in quotes where a shell wants it. A password
// is never in it: what stands in its place asks for it.
func Next(c *cli.Context, command string, keep func(flag string) bool, more ...string) string {
	args, _ := c.App.Metadata[argsKey].([]string)
	words := strings.Fields(command)
	asks := false
	var given, own []string
	if len(args) > 2 {
		given, own = split(c.Command.Flags, args[2:])
	}
	for len(given) > 0 {
		name, value, has := strings.Cut(strings.TrimLeft(given[0], "-"), "=")
		given = given[1:]
		f := flagOf(c.Command.Flags, name)
		if f == nil {
			continue
		}
		if !has && !isBool(f) && len(given) > 0 {
			value, has, given = given[0], true, given[1:]
		}
		name = f.Names()[0]
		switch {
		case !keep(name):
			continue
		case name == "pass":
			asks = true
			continue
		case name == "uri":
			var had bool
			value, had = WithoutPassword(value)
			asks = asks || had
		}
		words = append(words, dashed(name))
		if has {
			words = append(words, Quote(value))
		}
	}
	if asks {
		words = append(words, "--askpass")
	}
	for _, word := range more {
		words = append(words, Quote(word))
	}
	if command == c.App.Name+" "+c.Command.Name {
		for _, word := range own {
			words = append(words, Quote(word))
		}
	}
	return strings.Join(words, " ")
}

// But returns what keeps all flags but some, and those that only say what is shown.
func But(without ...string) func(string) bool {
	without = append(without, "json", "progress", "quiet")
	return func(name string) bool { return !slices.Contains(without, name) }
}

// Of returns what keeps the flags that another command has as well, but for some.
func Of(c *cli.Context, other string, without ...string) func(string) bool {
	but := But(without...)
	return func(name string) bool {
		to := c.App.Command(other)
		return but(name) && to != nil && flagOf(to.Flags, name) != nil
	}
}

// WithoutPassword returns the address of a server without its password, and whether it had one.
func WithoutPassword(uri string) (shown string, had bool) {
	full := uri
	if !strings.Contains(full, "://") {
		full = "redis://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return "URI", false
	}
	if _, has := u.User.Password(); !has {
		return uri, false
	}
	if u.User = url.User(u.User.Username()); u.User.Username() == "" {
		u.User = nil
	}
	return u.String(), true
}

// Quote writes a word as a shell takes it.
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=%@+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
