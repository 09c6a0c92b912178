// Package command is what the main functions of both commands share: signals, exit codes,
// environment variables of flags, and how errors are shown.
package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Buckets tells in the help of a command how a bucket is named.
const Buckets = `BUCKETS:
   s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azblob://CONTAINER/PREFIX. Credentials are found as the cloud's own
   tools find them (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE; GOOGLE_APPLICATION_CREDENTIALS;
   AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY). A store that speaks S3 is named in the query:
   's3://BUCKET/PREFIX?endpoint=https://minio:9000&region=us-east-1&use_path_style=true'`

// memoryLimit is the soft limit of the Go heap where GOMEMLIMIT sets no other: what the
// options bound fits, and the collector works harder rather than let
// garbage pile up beside it.
const memoryLimit = 72 << 20

// A UsageError says that the command line is wrong.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usage returns a UsageError.
func Usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// A LeftOut is the end of a run that did all but some keys, which are listed.
type LeftOut struct{ Text string }

func (e *LeftOut) Error() string { return e.Text }

// A Different is the end of a verification that found differences, which are listed.
type Different struct{ Text string }

func (e *Different) Error() string { return e.Text }

// FromStart marks an error of a run that --resume does not go on with.
func FromStart(err error) error {
	if err == nil {
		return nil
	}
	return &fromStart{err}
}

type fromStart struct{ err error }

func (e *fromStart) Error() string { return e.err.Error() }
func (e *fromStart) Unwrap() error { return e.err }

// Interrupt is the cause of a context that a signal ended.
type Interrupt struct{ Signal os.Signal }

func (e *Interrupt) Error() string { return "stopped by " + e.Signal.String() }

// App completes an app: help and version flags that leave -h and -v free, errors that come
// back to Main, the table of exit codes.
func App(app *cli.App) *cli.App {
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Usage: "show help", DisableDefaultText: true}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}
	app.Version = Built
	app.HideHelpCommand = true
	app.EnableBashCompletion = true
	app.DisableSliceFlagSeparator = true
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = onUsageError
	app.CustomAppHelpTemplate = cli.AppHelpTemplate + "\n" + exitcode.Help
	app.Action = func(c *cli.Context) error {
		if name := c.Args().First(); name != "" {
			return Usage("there is no command %q; did you mean %s?", name, nearest(commandNames(app), name))
		}
		return cli.ShowAppHelp(c)
	}
	for _, c := range app.Commands {
		c.OnUsageError = onUsageError
		c.CustomHelpTemplate = cli.CommandHelpTemplate + "\n" + exitcode.Help
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

// Env returns a function that names the environment variable of a flag: PREFIX_FLAG_NAME.
func Env(prefix string) func(string) []string {
	return func(flag string) []string {
		return []string{prefix + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
	}
}

// Main runs the app and returns the exit code. Classify gives the code of errors that only
// the app knows; 0: it does not know it. Output goes to the app's writers.
func Main(app *cli.App, args []string, classify func(error) int) int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	redis.SetLogger(discard{})
	if f, ok := app.ErrWriter.(*os.File); ok {
		app.ErrWriter = progress.NewLog(f)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	// Whoever reads our messages may end before we do: what was changed on a server is still set back.
	signal.Ignore(syscall.SIGPIPE)
	for _, line := range overlooked(app, args, os.Environ()) {
		fmt.Fprintf(app.ErrWriter, "warning: %s\n", line)
	}
	if showsPassword(args) {
		fmt.Fprintln(app.ErrWriter, "warning: a password in the command line can be seen by everybody on this host (ps); give it in REDISCLI_AUTH, or with --password-file or --askpass")
	}
	go func() {
		sig := <-signals
		cancel(&Interrupt{sig})
		fmt.Fprintf(app.ErrWriter, "%s: stopping when what is in flight is done; a second signal stops at once\n", app.Name)
		os.Exit(interruptCode(<-signals)) // the second time at once
	}()
	err := app.RunContext(ctx, arrange(app, args))
	if err == nil {
		return exitcode.Done
	}
	var interrupt *Interrupt
	if errors.As(context.Cause(ctx), &interrupt) && !errors.As(err, new(*Interrupt)) && !isEnd(err) {
		err = fmt.Errorf("%w: %w", interrupt, err)
	}
	code := Code(err, classify)
	show(app, args, err, code)
	return code
}

// discard keeps go-redis from writing to stderr by itself: what it would say comes as an
// error as well.
type discard struct{}

func (discard) Printf(context.Context, string, ...any) {}

func interruptCode(sig os.Signal) int {
	switch sig {
	case syscall.SIGTERM:
		return exitcode.Terminated
	case syscall.SIGHUP:
		return exitcode.HungUp
	}
	return exitcode.Interrupted
}

// Code returns the exit code of an error.
func Code(err error, classify func(error) int) int {
	var (
		usage     *UsageError
		different *Different
		interrupt *Interrupt
		corrupt   *format.CorruptError
	)
	switch {
	case errors.As(err, &usage):
		return exitcode.Usage
	case isEnd(err) && errors.As(err, &different): // wins over what was left out
		return exitcode.Different
	case isEnd(err):
		return exitcode.LeftOut
	case errors.As(err, &interrupt):
		return interruptCode(interrupt.Signal)
	case errors.Is(err, archive.ErrIncomplete), errors.Is(err, pack.ErrCut):
		return exitcode.NoDump
	case errors.Is(err, storage.ErrLocked):
		return exitcode.Locked
	case errors.Is(err, storage.ErrDenied), errors.Is(err, encryption.ErrIdentity):
		return exitcode.Auth
	case errors.Is(err, storage.ErrUnavailable), errors.Is(err, pack.ErrNoReader):
		return exitcode.TryAgain
	case errors.Is(err, encryption.ErrMixed), errors.Is(err, archive.ErrExists), errors.Is(err, storage.ErrLocation), errors.Is(err, archive.ErrDiffers), errors.Is(err, format.ErrVersion), errors.Is(err, format.ErrKind):
		return exitcode.Refused
	case errors.As(err, &corrupt):
		return exitcode.Corrupt
	case isTLS(err):
		return exitcode.Refused
	case isFull(err):
		return exitcode.TryAgain
	}
	if code := classify(err); code != 0 {
		return code
	}
	return exitcode.Failed
}

// isEnd reports whether an error says nothing but how a run that is done has ended: beside what else went wrong, a
// LeftOut or a Different does not count.
func isEnd(err error) bool {
	switch e := err.(type) {
	case *LeftOut, *Different:
		return true
	case interface{ Unwrap() error }:
		return isEnd(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !isEnd(err) })
	}
	return false
}

// show writes the error as one line, and a hint where there is one.
func show(app *cli.App, args []string, err error, code int) {
	w, name := app.ErrWriter, app.Name
	fmt.Fprintf(w, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
	switch {
	case errors.Is(err, storage.ErrDenied):
		fmt.Fprintf(w, "%s: %s\n", name, "check the credentials of the object store, which come from its own variables and files, and what they may do (docs/STORAGE.md)")
	case isTLS(err) && errors.As(err, new(*storage.RequestError)):
		fmt.Fprintf(w, "%s: TLS with the object store failed: AWS_CA_BUNDLE or SSL_CERT_FILE name the file of its authority\n", name)
	case code == exitcode.Usage:
		fmt.Fprintf(w, "%s: see %s COMMAND --help\n", name, name)
	case errors.Is(err, encryption.ErrIdentity): // says itself what to do
	case errors.As(err, new(interface{ SaysWhatToDo() bool })):
	case code == exitcode.Auth:
		fmt.Fprintf(w, "%s: check --user and the password (--pass, REDISCLI_AUTH, --password-file, --uri); leave them out where the server has none\n", name)
	case isTLS(err):
		fmt.Fprintf(w, "%s: TLS failed: check --tls, --cacert, --cert and --key, --sni; --insecure does without verification\n", name)
	case errors.Is(err, context.DeadlineExceeded): // replies that do not come in time are another error
		fmt.Fprintf(w, "%s: no answer while connecting: check the address, and that the server speaks TLS if --tls or rediss:// says so\n", name)
	case isFull(err):
		if c := commandOf(app, args); c != nil && flagOf(c.Flags, "resume") != nil && !errors.As(err, new(*fromStart)) {
			fmt.Fprintf(w, "%s: the disk is full: free space, then run the same command with --resume\n", name)
			return
		}
		fmt.Fprintf(w, "%s: the disk is full: free space, or give another directory, and run it again\n", name)
	}
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isTLS reports whether the two sides did not agree on TLS: trying again does not help.
func isTLS(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		header tls.RecordHeaderError
		alert  tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &header) || errors.As(err, &alert)
}
