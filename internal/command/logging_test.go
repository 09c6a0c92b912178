package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// TestLogFlags: records take the place of all that stderr shows, warnings about the command line
// and the last error among them; or lie in a file beside it.
func TestLogFlags(t *testing.T) {
	t.Setenv("TOOL_TIMEOT", "x")
	do := func(c *cli.Context) error {
		fmt.Fprintln(c.App.ErrWriter, "at work")
		return &exitcode.LeftOutError{Text: "3 keys are missing"}
	}
	_, _, plain := runApp(do, "do")
	code, _, stderr := runApp(do, "do", "--log-format", "json")
	var levels []string
	for line := range strings.Lines(stderr) {
		var r struct{ Level, Command, Msg string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Command != "do" {
			t.Errorf("%v: %q", err, line)
		}
		levels = append(levels, r.Level+" "+r.Msg)
	}
	want := "WARN TOOL_TIMEOT in the environment is not the variable of any flag and is ignored; did you mean TOOL_TIMEOUT?|INFO at work|WARN tool: 3 keys are missing|INFO ended"
	if got := strings.Join(levels, "|"); code != 3 || got != want {
		t.Errorf("%d, %q, want %q", code, got, want)
	}
	name := filepath.Join(t.TempDir(), "log")
	for range 2 { // the second run appends
		if code, _, stderr := runApp(do, "do", "--log-file", name); code != 3 || stderr != plain {
			t.Errorf("%d, %q, want %q", code, stderr, plain)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil || strings.Count(string(data), "msg=ended") != 2 || !strings.Contains(string(data), "level=WARN msg=\"tool: 3 keys") {
		t.Errorf("%v, %s", err, data)
	}
	for args, want := range map[string]string{
		"--log-format xml":                  `--log-format "xml": it is text or json`,
		"--log-level debug":                 `--log-level "debug": it is info, warn or error`,
		"--log-level warn":                  "ask for these with --log-file FILE",
		"--log-keys":                        "ask for these with --log-file FILE",
		"--log-file " + name + "/below":     "--log-file: open ",
		"--log-format json --askpass=true ": "add --log-file FILE",
	} {
		code, _, stderr := runApp(func(*cli.Context) error { return nil }, append([]string{"do"}, strings.Fields(args)...)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %q, want %q", args, code, stderr, want)
		}
	}
}

// TestProgressRecords: how far a phase is goes into the records, unless nobody wants to see it, and
// to whom they stand in for messages it is not said twice.
func TestProgressRecords(t *testing.T) {
	do := func(args ...string) (stderr string) {
		var out, errOut bytes.Buffer
		app := App(&cli.App{Name: "tool", Writer: &out, ErrWriter: &errOut, Commands: []*cli.Command{{Name: "do", Flags: ProgressFlags(), Action: func(c *cli.Context) error {
			m, err := Meter(c)
			if err != nil {
				return err
			}
			end := m.Begin("load", 1)
			m.Part(progress.Name{Type: "set"}).Add(7, 70, 0)
			end()
			return nil
		}}}}, nil)
		if code := Main(app, append([]string{"tool", "do"}, args...), classify); code != 0 {
			t.Errorf("%v: exit code %d, %s", args, code, errOut.String())
		}
		return errOut.String()
	}
	const record = `"msg":"progress","tool":"tool","command":"do"`
	if text := do("--log-format", "json"); strings.Count(text, record) != 1 || !strings.Contains(text, `"phase":"load","ended":true,"keys":7,"bytes":70`) || strings.Contains(text, `"schema"`) {
		t.Errorf("in place of messages: %s", text)
	}
	if text := do("--log-format", "json", "--progress", "json"); strings.Count(text, record) != 1 || !strings.Contains(text, "\n"+`{"schema":1,`) {
		t.Errorf("as it was asked for: %s", text)
	}
	if text := do("--log-format", "json", "--quiet"); strings.Contains(text, "progress") {
		t.Errorf("quiet: %s", text)
	}
	name := filepath.Join(t.TempDir(), "log")
	do("--log-file", name, "--log-format", "json")
	if data, err := os.ReadFile(name); err != nil || strings.Count(string(data), record) != 1 {
		t.Errorf("in a file: %v, %s", err, data)
	}
}
