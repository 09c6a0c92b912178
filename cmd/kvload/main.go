// Command kvload loads a dump that pikadump wrote into Kvrocks, and looks into dumps.
package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := command.App(&cli.App{
		Name:   "kvload",
		Usage:  "load a dump that pikadump wrote into Kvrocks",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
		Commands: []*cli.Command{loadCommand(), verifyCommand(), finishCommand(), rollbackCommand(), inspectCommand(), checkCommand(), packCommand(), unpackCommand()},
	})
	return command.Main(app, args, classify)
}

// errRefused goes when no engine is left in this package.
var errRefused = exitcode.ErrRefused

// errDamaged: check found files that are not what the manifest says.
var errDamaged = errors.New("the dump is damaged")

// classify returns the exit code of the errors of the writer and of this command.
func classify(err error) int {
	switch {
	case errors.Is(err, writer.ErrAuth):
		return exitcode.Auth
	case errors.Is(err, writer.ErrPreflight), errors.Is(err, errRefused), errors.Is(err, journal.ErrDiffers), errors.Is(err, journal.ErrNoPlace):
		return exitcode.Refused
	case errors.Is(err, errDamaged):
		return exitcode.Corrupt
	case errors.Is(err, writer.ErrTransient), errors.Is(err, writer.ErrOperator):
		return exitcode.TryAgain
	case isLost(err):
		return exitcode.TryAgain
	}
	return 0
}

// isLost reports whether an error is of a connection that ended, or did not come about.
func isLost(err error) bool {
	var network *net.OpError // not net.Error, which errors of files are as well
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}
