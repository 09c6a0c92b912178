// Command kvload loads a dump that pikadump wrote into Kvrocks, and looks into dumps.
package main

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/metrics"
)

func commands() []*cli.Command {
	all := []*cli.Command{
		loadCommand(), followCommand(), verifyCommand(), finishCommand(), rollbackCommand(),
		inspectCommand(), statsCommand(), reportCommand(), checkCommand(), getCommand(),
		catCommand(), lsCommand(), extractCommand(), mergeCommand(), packCommand(), unpackCommand(),
	}
	return metrics.Watch(all, load.Classify, os.Getenv)
}

// most are the flags that stand first in the help of a command.
var most = map[string]string{
	"load":     "uri password-file in dry-run resume on-exists undo map-db verify rate-keys",
	"follow":   "uri password-file in base verify undo state map-db rate-keys method",
	"verify":   "uri password-file in map-db reverse sample keys-only left-out report threads",
	"finish":   "uri password-file in state map-db no-verify reverse report threads",
	"inspect":  "json identity",
	"stats":    "json identity quiet",
	"report":   "out lang state identity quiet",
	"check":    "identity quiet",
	"get":      "format db type keys-from base64 base identity",
	"cat":      "format match type db key limit base identity",
	"ls":       "format match type db identity",
	"extract":  "out match type db identity encrypt-to",
	"merge":    "out identity encrypt-to",
	"pack":     "quiet",
	"unpack":   "out spool break-lock quiet",
	"rollback": "uri password-file in undo state map-db force flush on-exists threads",
}

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := command.App(&cli.App{
		Name:   "kvload",
		Usage:  "load a dump that pikadump wrote into Kvrocks",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
		Commands: commands(),
	}, most)
	return command.Main(app, args, load.Classify)
}
