// Command kvload loads a dump that pikadump wrote into Kvrocks, and looks into dumps.
package main

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := command.App(&cli.App{
		Name:   "kvload",
		Usage:  "load a dump that pikadump wrote into Kvrocks",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
		Commands: []*cli.Command{loadCommand(), verifyCommand(), finishCommand(), rollbackCommand(), inspectCommand(), checkCommand(), packCommand(), unpackCommand()},
	})
	return command.Main(app, args, load.Classify)
}

// errDamaged: check found files that are not what the manifest says.
var errDamaged = exitcode.New(exitcode.Corrupt, "the dump is damaged")
