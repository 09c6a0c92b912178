// Package command is what the main functions of both commands share: signals, flags with their
// environment variables and configuration, help and completion, how errors are shown, and what is
// to be run next.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Buckets tells in the help of a command how a bucket is named.
const Buckets = `BUCKETS:
   s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azblob://CONTAINER/PREFIX.
   Credentials are found as the cloud's own tools find them:
   AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE;
   GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT and
   AZURE_STORAGE_KEY. AWS wants ?region=…. Another store that speaks S3 is
   named in the query (MinIO wants &use_path_style=true as well):
   's3://BUCKET/PREFIX?endpoint=https://HOST:9000&region=us-east-1'`

// memoryLimit is the soft limit of the Go heap where GOMEMLIMIT sets no other: what the options
// bound fits, and the collector works harder rather than let garbage pile up beside it.
const memoryLimit = 72 << 20

// toolOf names the tool of each command that only one has, for those who ask the other.
var toolOf = map[string]string{"dump": "pikadump", "plan": "pikadump", "load": "kvload", "finish": "kvload", "rollback": "kvload",
	"inspect": "kvload", "stats": "kvload", "report": "kvload", "check": "kvload", "get": "kvload", "cat": "kvload", "ls": "kvload", "extract": "kvload", "merge": "kvload", "pack": "kvload", "unpack": "kvload"}

// App completes an app: help and version flags that leave -h and -v free, errors that come
// back to Main, the help, and the commands that both tools have. Most names, by command, the flags
// that stand first in its help.
func App(app *cli.App, most map[string]string) *cli.App {
	m := manual{app, most}
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Usage: "show help", Hidden: true}
	cli.HelpPrinter = m.print
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}
	app.Version = built.String()
	app.HideHelpCommand = true
	app.DisableSliceFlagSeparator = true
	app.Metadata = map[string]any{}
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = onUsageError
	app.Action = func(c *cli.Context) error {
		if name := c.Args().First(); name != "" {
			if tool := toolOf[name]; tool != "" {
				return exitcode.Usagef("%s has no command %s: it is %s %s", app.Name, name, tool, name)
			}
			return exitcode.Usagef("there is no command %q%s", name, nearest(commandNames(app), name, ""))
		}
		return cli.ShowAppHelp(c)
	}
	app.Commands = append(app.Commands, printConfigCommand(app), versionCommand(app.Name), completionCommand(app.Name), m.manCommand())
	nameVariables(app.Name, app.Flags)
	for _, c := range app.Commands {
		c.OnUsageError = onUsageError
		if !c.SkipFlagParsing {
			c.Flags = append(append(c.Flags, logFlags()...), configFlag())
		}
		nameVariables(app.Name, c.Flags)
	}
	return app
}

func commandNames(app *cli.App) (names []string) {
	for _, c := range app.Commands {
		names = append(names, c.Name)
	}
	return names
}

func onUsageError(c *cli.Context, err error, _ bool) error { return usageError(c, err) }

// variable is the environment variable of a flag: TOOL_FLAG_NAME.
func variable(tool, flag string) string {
	return strings.ToUpper(tool + "_" + strings.ReplaceAll(flag, "-", "_"))
}

// nameVariables gives flags their variables, before any that they have of their own.
func nameVariables(tool string, flags []cli.Flag) {
	for _, f := range flags {
		vars := reflect.ValueOf(f).Elem().FieldByName("EnvVars").Addr().Interface().(*[]string)
		*vars = append([]string{variable(tool, f.Names()[0])}, *vars...)
	}
}

// Main runs the app and returns the exit code. Classify gives the code of errors that only
// the app knows; 0: it does not know it. Output goes to the app's writers.
func Main(app *cli.App, args []string, classify func(error) int) int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if len(args) > 1 && args[1] == completeName {
		complete(app, args[2:], app.Writer)
		return exitcode.Done
	}
	redis.SetLogger(discard{})
	messages := app.ErrWriter
	if f, ok := app.ErrWriter.(*os.File); ok {
		log := progress.NewLog(f)
		messages, app.Writer = log, log.Beside(app.Writer)
	}
	out := &stdout{to: app.Writer}
	app.Writer = out
	log := logging.New(messages, app.ErrWriter)
	app.ErrWriter = log
	for _, c := range app.Commands {
		if c.SkipFlagParsing {
			continue
		}
		c.Before = func(c *cli.Context) error {
			app.Metadata[contextKey] = c
			if err := configure(log, c, args); err != nil {
				return err
			}
			if err := record(log, c); err != nil {
				return err
			}
			warn(log, app, args)
			return nil
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	if last := taken.Swap(&signals); last != nil {
		signal.Stop(*last)
		close(*last)
	}
	// Whoever reads our messages may end before we do: what was changed on a server is still set
	// back.
	signal.Ignore(syscall.SIGPIPE)
	said := make(chan struct{})
	go func() {
		for sig := range signals {
			if ctx.Err() != nil {
				os.Exit(exitcode.OfSignal(sig)) // the second time at once
			}
			cancel(&exitcode.InterruptError{Signal: sig})
			fmt.Fprintf(log, "%s: stopping when what is in flight is done; a second signal stops at once\n", app.Name)
			close(said)
		}
	}()
	app.Metadata = map[string]any{argsKey: args}
	err := app.RunContext(ctx, arrange(app, args))
	if ctx.Err() != nil {
		<-said // before what the run has come to
	}
	code := ended(ctx, app, args, out, err, classify)
	if err := log.Close(code); err != nil {
		fmt.Fprintf(log, "%s: --log-file: %v\n", app.Name, err)
	}
	return code
}

// taken is what takes the signals of this process: until another run begins, so that one that comes
// when a run has just ended does not kill the process before it has exited with its own code.
var taken atomic.Pointer[chan os.Signal]

// warn says what to know of a command line and its environment.
func warn(log io.Writer, app *cli.App, args []string) {
	for _, line := range overlooked(app, args, os.Environ()) {
		fmt.Fprintf(log, "warning: %s\n", line)
	}
	for _, instead := range shownPasswords(args, app.Name) {
		fmt.Fprintf(log, "warning: a password in the command line can be seen by everybody on this host (ps); %s\n", instead)
	}
}

// ended says why a run ended, if it was not done, shows what it came to, and returns its exit code.
func ended(ctx context.Context, app *cli.App, args []string, out *stdout, err error, classify func(error) int) int {
	err = interrupted(ctx, err)
	code := Code(ctx, err, classify)
	werr := conclude(app, args, err, code)
	if lost := out.failed(werr); lost != nil && (err == nil || exitcode.IsEnd(err)) { // who has no result may not take it for one
		if code = exitcode.Of(lost, classify); err != nil {
			lost = fmt.Errorf("%w (%v)", lost, err)
		}
		err = lost
	}
	if err != nil {
		show(app, args, err, code)
	}
	return code
}

// Code returns the exit code of a command that returned err.
func Code(ctx context.Context, err error, classify func(error) int) int {
	if err == nil {
		return exitcode.Done
	}
	return exitcode.Of(interrupted(ctx, err), classify)
}

// interrupted adds to an error that a signal came.
func interrupted(ctx context.Context, err error) error {
	var interrupt *exitcode.InterruptError
	if err != nil && errors.As(context.Cause(ctx), &interrupt) && !errors.As(err, new(*exitcode.InterruptError)) && !exitcode.IsEnd(err) {
		return fmt.Errorf("%w: %w", interrupt, err)
	}
	return err
}

// discard keeps go-redis from writing to stderr by itself: what it would say comes as an
// error as well.
type discard struct{}

func (discard) Printf(context.Context, string, ...any) {}
