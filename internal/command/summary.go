package command

import (
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// The keys of App.Metadata.
const (
	endingKey  = "ending"
	argsKey    = "args"
	contextKey = "context" // of the command
	// recalledKey is of the flags that Values.Set has set.
	recalledKey = "recalled"
)

// An ending is what is shown when a command has ended.
type ending struct {
	c     *cli.Context
	s     *summary.Summary
	quiet bool // it has printed JSON of its own
	next  After
}

// An After returns the commands to run next, once a summary says how one has ended.
type After func(c *cli.Context, s *summary.Summary, err error) []string

// Summarize begins the summary of a command, which is shown when it has ended. Location is that of
// the dump that it is about; empty: the engine says so. A nil next knows no command to run next.
func Summarize(c *cli.Context, location string, next After) *summary.Summary {
	s := summary.New(c.App.Name, c.App.Version, c.Command.Name)
	s.Dump.Place = summary.Place(location)
	c.App.Metadata[endingKey] = &ending{c: c, s: s, next: next}
	return s
}

// PrintedJSON says that a command has printed its result as JSON itself.
func PrintedJSON(c *cli.Context) { c.App.Metadata[endingKey].(*ending).quiet = true }

// PrintJSON prints the result of a command as JSON.
func PrintJSON(c *cli.Context, result any) error {
	PrintedJSON(c)
	return summary.WriteJSON(c.App.Writer, result)
}

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
	if check := checkOf(app, err, code); check != "" { // before it nothing else helps
		if e.c.Bool("json") { // else show names it
			e.s.Next = []string{check}
		}
	} else if e.next != nil {
		e.s.Next = append(e.s.Next, e.next(e.c, e.s, err)...)
	}
	if e.c.Bool("json") {
		return e.s.JSON(app.Writer)
	}
	w := textOut(e.c, e.s)
	to := w
	if w == app.ErrWriter {
		to = os.Stderr
	}
	if width := progress.Width(to); width > 0 {
		return e.s.Text(w, width)
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
