// Command pikadump scans a live Pika and writes its data to a dump that kvload loads into Kvrocks.
package main

import (
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/metrics"
)

func commands() []*cli.Command {
	all := []*cli.Command{dumpCommand(), planCommand(), verifyCommand(), followCommand()}
	return metrics.Watch(all, classify, os.Getenv)
}

// most are the flags that stand first in the help of a command.
var most = map[string]string{
	"dump":   "uri password-file out resume db match sample threads rate-keys source-cache-off",
	"plan":   "uri password-file db type match shards json threads timeout",
	"follow": "uri password-file base out interval delta-keys once until-idle threads",
	"verify": "uri password-file in db match sample keys-only report threads",
}

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := command.App(&cli.App{
		Name:   "pikadump",
		Usage:  "write the data of a live Pika to a dump, for kvload",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
		Commands: commands(),
	}, most)
	return command.Main(app, args, classify)
}
