package command

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

var errOwn = errors.New("the app's own")

func classify(err error) int {
	if errors.Is(err, errOwn) {
		return 12
	}
	return 0
}

// runApp runs an app whose one command does what action does.
func runApp(action func(*cli.Context) error, args ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	app := App(&cli.App{Name: "tool", Writer: &out, ErrWriter: &errOut, Commands: []*cli.Command{{
		Name: "do", Action: action, Flags: []cli.Flag{
			&cli.IntFlag{Name: "n"}, &cli.DurationFlag{Name: "timeout"}, &cli.BoolFlag{Name: "json"}, &cli.BoolFlag{Name: "askpass"},
			&cli.StringFlag{Name: "host", Aliases: []string{"h"}}, &cli.StringSliceFlag{Name: "uri", Aliases: []string{"u"}},
			&cli.StringFlag{Name: "pass", Aliases: []string{"a"}}, &cli.IntFlag{Name: "port"},
		},
	}, {Name: "resumable", Action: action, Flags: []cli.Flag{&cli.BoolFlag{Name: "resume"}}}}}, nil)
	code = Main(app, append([]string{"tool"}, args...), classify)
	return code, out.String(), errOut.String()
}

// TestMainLeavesNothing: no goroutine outlives a run, which would keep all that the run had.
func TestMainLeavesNothing(t *testing.T) {
	const runs = 20
	before := runtime.NumGoroutine()
	for range runs {
		runApp(func(*cli.Context) error { return nil }, "do")
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() >= before+runs; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, and %d after %d runs", before, runtime.NumGoroutine(), runs)
		}
	}
}

func TestMainShows(t *testing.T) {
	fail := func(err error) func(*cli.Context) error { return func(*cli.Context) error { return err } }
	for _, tc := range []struct {
		name   string
		action func(*cli.Context) error
		args   []string
		code   int
		stderr string
	}{
		{"done", fail(nil), []string{"do"}, 0, ""},
		{"failed", fail(errors.New("no luck")), []string{"do"}, 1, "tool: no luck\n"},
		{"two errors are one line", fail(errors.Join(errors.New("one"), errors.New("two"))), []string{"do"}, 1, "tool: one; two\n"},
		{"usage", fail(exitcode.Usagef("--n %d: too many", 5)), []string{"do"}, 2, "tool: --n 5: too many\ntool: see tool do --help\n"},
		{"no number", fail(nil), []string{"do", "--n", "x"}, 2,
			"tool: -n \"x\": it is a whole number\ntool: see tool do --help\n"},
		{"no duration", fail(nil), []string{"do", "--timeout", "30"}, 2,
			"tool: --timeout \"30\": it is a duration with its unit, such as 30s or 5m\ntool: see tool do --help\n"},
		{"no such flag", fail(nil), []string{"do", "--time-out", "30s"}, 2,
			"tool: there is no flag --time-out; did you mean --timeout?\ntool: see tool do --help\n"},
		{"resume", fail(nil), []string{"do", "--resume"}, 2, "tool: there is no flag --resume: give the same command again, as it is\ntool: see tool do --help\n"},
		{"nothing like it", fail(nil), []string{"do", "--create-namespaces"}, 2,
			"tool: there is no flag --create-namespaces\ntool: see tool do --help\n"},
		{"no value", fail(nil), []string{"do", "--timeout"}, 2, "tool: --timeout needs a value\ntool: see tool do --help\n"},
		{"no such command", fail(nil), []string{"doo"}, 2, "tool: there is no command \"doo\"; did you mean do?\ntool: see tool --help\n"},
		{"a command of the other", fail(nil), []string{"check"}, 2, "tool: tool has no command check: it is kvload check\ntool: see tool --help\n"},
		{"left out", fail(&exitcode.LeftOutError{Text: "3 keys are missing"}), []string{"do"}, 3, "tool: 3 keys are missing\n"},
		{"full", fail(syscall.ENOSPC), []string{"do"}, 75,
			"tool: no space left on device\ntool: the disk is full: free space, or give another directory, and run it again\n"},
		{"full, and resumable", fail(syscall.ENOSPC), []string{"resumable"}, 75,
			"tool: no space left on device\ntool: the disk is full: free space, then run the same command with --resume\n"},
		{"full, and not resumable", fail(exitcode.FromStart(syscall.ENOSPC)), []string{"resumable"}, 75,
			"tool: no space left on device\ntool: the disk is full: free space, or give another directory, and run it again\n"},
		{"credentials", fail(errOwn), []string{"do"}, 12, "tool: the app's own\n" +
			"tool: check --user and the password (--pass, REDISCLI_AUTH, --password-file, --uri); leave them out where the server has none\n"},
		{"TLS", fail(tls.RecordHeaderError{Msg: "no TLS"}), []string{"do"}, 5, "tool: tls: no TLS\n" +
			"tool: TLS failed: check --tls, --cacert, --cert and --key, --sni; --insecure does without verification\n"},
		{"no connection", fail(context.DeadlineExceeded), []string{"do"}, 1, "tool: context deadline exceeded\n" +
			"tool: no answer while connecting: check the address, and that the server speaks TLS if --tls or rediss:// says so\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := runApp(tc.action, tc.args...)
			if code != tc.code || stdout != "" || stderr != tc.stderr {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %d %q", code, stdout, stderr, tc.code, tc.stderr)
			}
		})
	}
}

// TestInterrupt: a signal ends the context, and decides the exit code whatever the error is.
func TestInterrupt(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // or it stays ignored where nohup runs the tests
	wait := func(sig syscall.Signal, err error) func(*cli.Context) error {
		return func(c *cli.Context) error {
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				return err
			}
			<-c.Context.Done()
			if err == nil {
				return context.Cause(c.Context)
			}
			return err
		}
	}
	for _, tc := range []struct {
		sig  syscall.Signal
		err  error
		code int
		says string
	}{
		{syscall.SIGTERM, nil, 143, "tool: stopped by terminated"},
		{syscall.SIGTERM, errors.New("connection lost"), 143, "tool: stopped by terminated: connection lost"},
		{syscall.SIGHUP, nil, 129, "tool: stopped by hangup"},
	} {
		// The note that it is stopping comes from another goroutine, before or after.
		errOut := make(lines, 8)
		app := App(&cli.App{Name: "tool", ErrWriter: errOut, Action: nil, Commands: []*cli.Command{{Name: "do", Action: wait(tc.sig, tc.err)}}}, nil)
		if code := Main(app, []string{"tool", "do"}, classify); code != tc.code {
			t.Errorf("exit code %d, want %d", code, tc.code)
		}
		said := <-errOut + <-errOut
		for _, want := range []string{tc.says + "\n", "a second signal stops at once\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("stderr %q, want %q", said, want)
			}
		}
	}
}

// lines is a writer from several goroutines.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"do", "--help"}, {}, {"-h"}, {"help"}, {"help", "do"}, {"do", "-h"}, {"do", "-h", "--json"}, {"help", "help"}} {
		code, stdout, stderr := runApp(func(*cli.Context) error { return nil }, args...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "EXIT CODES:\n   0    done\n") {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	code, stdout, stderr := runApp(func(*cli.Context) error { return nil }, "help", "doo")
	if code != 2 || stdout != "" || !strings.Contains(stderr, `there is no command "doo"; did you mean do?`) {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for _, name := range []string{"version", "completion"} { // the tools test those of their own
		_, stdout, _ := runApp(func(*cli.Context) error { return nil }, name, "--help")
		for line := range strings.Lines(stdout) {
			if utf8.RuneCountInString(line)-1 > 80 {
				t.Errorf("help of %s has more than 80 columns: %s", name, line)
			}
		}
		if !strings.Contains(stdout, "DESCRIPTION") {
			t.Error(stdout)
		}
	}
}
