package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
)

// show writes the error as one line, but for checks that failed, each of which gets its own, and a
// hint where there is one.
func show(app *cli.App, args []string, err error, code int) {
	w, name := app.ErrWriter, app.Name
	level := slog.LevelError
	if exitcode.IsEnd(err) {
		level = slog.LevelWarn
	}
	saysWhat := errors.As(err, new(interface{ SaysWhatToDo() bool }))
	lines := []string{strings.ReplaceAll(err.Error(), "\n", "; ")}
	if saysWhat {
		lines = strings.Split(err.Error(), "\n")
	}
	logging.Say(w, level, name+": "+lines[0], slog.Int("exit_code", code))
	for _, line := range lines[1:] {
		logging.Say(w, level, "  "+line)
	}
	hint, hinted := exitcode.Hint(err)
	check := checkOf(app, err, code)
	switch {
	case hint != "":
		fmt.Fprintf(w, "%s: %s\n", name, hint)
	case hinted:
	case code == exitcode.Usage:
		asked := name
		if c := commandOf(app, args); c != nil {
			asked += " " + c.Name
		}
		fmt.Fprintf(w, "%s: see %s --help\n", name, asked)
	case check != "":
		fmt.Fprintf(w, "%s: fetch what is damaged again from where the dump came, or dump again; to see every damaged file: %s\n", name, check)
	case saysWhat:
	case code == exitcode.Auth && !strings.Contains(err.Error(), "namespace token"): // that is no password
		fmt.Fprintf(w, "%s: check --user and the password (--pass, REDISCLI_AUTH, --password-file, --uri); leave them out where the server has none\n", name)
	case exitcode.IsTLS(err):
		fmt.Fprintf(w, "%s: TLS failed: check --tls, --cacert, --cert and --key, --sni; --insecure does without verification\n", name)
	case errors.Is(err, context.DeadlineExceeded): // replies that do not come in time are another error
		fmt.Fprintf(w, "%s: no answer while connecting: check the address, and that the server speaks TLS if --tls or rediss:// says so\n", name)
	case exitcode.IsDiskFull(err):
		if c := commandOf(app, args); c != nil && flagOf(c.Flags, "resume") != nil && exitcode.IsResumable(err) {
			fmt.Fprintf(w, "%s: the disk is full: free space, then run the same command with --resume\n", name)
			return
		}
		fmt.Fprintf(w, "%s: the disk is full: free space, or give another directory, and run it again\n", name)
	}
}
