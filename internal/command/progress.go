package command

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// OutputFlags say how progress is shown, and what the run came to.
func OutputFlags() []cli.Flag {
	return append(ProgressFlags(), Bool("json", Output, "print what the run came to as JSON on "+
		"standard output, also when it fails; messages go to standard error"))
}

// ProgressFlags say how progress is shown.
func ProgressFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "progress", Value: string(progress.Auto), Category: Output,
			Usage: "`auto|bar|log|json|none` how progress is shown on standard error: bar is " +
				"redrawn on a terminal, log is a line every 10 s, json a line every 5 s, auto " +
				"is bar on a terminal and log elsewhere"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: Output,
			Usage: "the same as --progress none"},
	}
}

// Meter returns what counts the progress of a command, and shows it as the flags say; nil if they
// say that nobody wants to know.
func Meter(c *cli.Context) (*progress.Meter, error) {
	text, err := choice(c, "progress")
	if err != nil {
		return nil, err
	}
	mode := progress.Mode(text)
	if c.Bool("quiet") {
		if c.IsSet("progress") && mode != progress.None {
			return nil, exitcode.Usagef("--quiet does not go with --progress %s: leave one of them out", mode)
		}
		mode = progress.None
	}
	m := progress.NewMeter()
	if mode != progress.None {
		log, ok := c.App.ErrWriter.(*logging.Log)
		recorded, inPlace := ok && log.Records(), c.String("log-file") == ""
		if recorded {
			m.Also(func(m *progress.Meter) func() { return recordProgress(log, m) })
		}
		if !recorded || !inPlace || mode != progress.Auto {
			term := os.Getenv("TERM")
			m.Also(progress.Display{
				Mode: mode, Log: c.App.ErrWriter,
				Plain: os.Getenv("NO_COLOR") != "", // https://no-color.org
				Dumb:  term == "" || strings.HasPrefix(term, "dumb"),
			}.Show)
		}
	}
	if attach, ok := c.Context.Value(metersKey{}).(func(*progress.Meter)); ok {
		attach(m)
	}
	if m.Show == nil {
		return nil, nil
	}
	return m, nil
}
