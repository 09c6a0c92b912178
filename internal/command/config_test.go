package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// writeConfig writes a configuration file that only its owner can read.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfig: a flag goes before the environment, that before the file and there the command's
// section before the rest.
func TestConfig(t *testing.T) {
	t.Setenv("TOOL_PORT", "2")
	path := writeConfig(t, "do:\n  timeout: 3s\nn: 3\nport: 3\ntimeout: 4s\nuri: [a, b]\nhost: \"\"\nresumable: {resume: true}\n")
	show := func(c *cli.Context) error {
		fmt.Fprint(c.App.Writer, c.Int("n"), c.Int("port"), c.Duration("timeout"), c.StringSlice("uri"), c.Bool("json"), c.Bool("resume"))
		return nil
	}
	for _, tc := range []struct{ args, want string }{
		{"do --config " + path, "3 2 3s [a b] false false"},
		{"do --n 1 --port 1 -u c --config " + path, "1 1 3s [c] false false"},
		{"resumable --config " + path, "0 0 0s [] false true"},
		{"do", "0 2 0s [] false false"},
	} {
		if code, stdout, stderr := runApp(show, strings.Fields(tc.args)...); code != 0 || stdout != tc.want || stderr != "" {
			t.Errorf("%s: %d, %q, %s; want %q", tc.args, code, stdout, stderr, tc.want)
		}
	}
	t.Setenv("TOOL_CONFIG", path)
	if _, stdout, _ := runApp(show, "do"); stdout != "3 2 3s [a b] false false" {
		t.Errorf("$TOOL_CONFIG: %q", stdout)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, tc := range []struct{ text, says string }{
		{"timeot: 3s", ":1: timeot is no flag; did you mean timeout?"},
		{"do:\n  resume: true", ":2: resume is no flag"}, // it is one of another command
		{"resumable:\n  resum: true", ":2: resum is no flag; did you mean resume?"},
		{"n: 1\nn: 2", ":2: n stands in line 1 already"},
		{"n: many", `:1: n is "many": it is a whole number`},
		{"n:", ":1: n has no value"},
		{"uri: [a, {b: c}]", ":1: uri has no value"},
		{"u: a", ":1: u is no flag"},
		{"config: x", "names no other"},
		{"[n]", "names of flags with their values"},
		{"n: [", "yaml: "},
		{"n: 1\n---\nn: 2", ":2: a second document begins there"},
		{"resumable: 5", ":1: resumable is a command: its flags stand below it"},
		{"uri: {a: b}", ":1: uri takes a value or a list"},
		{"uri: x\n" + strings.Repeat("#", maxConfig), "larger than"},
	} {
		path := writeConfig(t, tc.text)
		code, _, stderr := runApp(func(*cli.Context) error { t.Errorf("%q was run", tc.text); return nil }, "do", "--config", path)
		if code != 2 || !strings.Contains(stderr, path) || !strings.Contains(stderr, tc.says) {
			t.Errorf("%q: %d, %s", tc.text[:min(len(tc.text), 40)], code, stderr)
		}
	}
}

// TestPrintConfig: what it prints is a configuration file of the same values, but for passwords.
func TestPrintConfig(t *testing.T) {
	t.Setenv("TOOL_PORT", "2")
	path := writeConfig(t, "pass: secret\ntimeout: 3s\nuri: ['redis://u:secret@h', 'v:secret@h']\n")
	code, stdout, stderr := runApp(func(*cli.Context) error { t.Error("it was run"); return nil }, "print-config", "do", "--n", "7", "--config", path)
	var lines []string
	for line := range strings.Lines(stdout) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	got := strings.Join(lines, "\n")
	for _, want := range []string{"# json: false # default", "n: 7 # command line", "port: 2 # environment", "pass: '***' # " + path + ":1",
		"timeout: 3s # " + path + ":2", "uri: ['redis://u:***@h', 'v:***@h'] # " + path + ":3"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if code != 0 || stderr != "" || strings.Contains(stdout, "secret") {
		t.Errorf("%d, %s", code, stderr)
	}
	again := writeConfig(t, stdout)
	if _, stdout, stderr := runApp(nil, "print-config", "do", "--config", again); !strings.Contains(stdout, "n: 7 ") || stderr != "" {
		t.Errorf("%s%s", stdout, stderr)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, stderr := runApp(nil, "print-config", "do", "--config", path); strings.Count(stderr, "chmod 600 "+path) != 1 {
		t.Errorf("of a file that others can read: %s", stderr)
	}
	if code, _, stderr := runApp(nil, "print-config", "dump"); code != 2 || !strings.Contains(stderr, "name one command: do, resumable") {
		t.Errorf("%d, %s", code, stderr)
	}
}
