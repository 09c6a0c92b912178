package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestArrange: flags may stand behind a command's own argument, and -h with a value is the host.
func TestArrange(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"do DIR --json", "true  [DIR]"},
		{"do DIR --host h1 --json", "true h1 [DIR]"},
		{"do -h h1 DIR", "false h1 [DIR]"},
		{"do -h=h1 DIR --json=false", "false h1 [DIR]"},
		{"do --json -- --host h1", "true  [--host h1]"},
		{"do --host - DIR", "false - [DIR]"},
		{"do - --json", "true  [-]"},
		{"do A --json B", "true  [A B]"},
	} {
		var got string
		code, _, stderr := runApp(func(c *cli.Context) error {
			got = fmt.Sprintf("%v %s %v", c.Bool("json"), c.String("host"), c.Args().Slice())
			return nil
		}, strings.Fields(tc.args)...)
		if code != 0 || stderr != "" || got != tc.want {
			t.Errorf("%s: %d, %q, got %q, want %q", tc.args, code, stderr, got, tc.want)
		}
	}
}

// TestOverlooked: a misspelt variable is said; one that a flag names, or that Kubernetes sets, is
// not.
func TestOverlooked(t *testing.T) {
	app := App(&cli.App{Name: "tool", Commands: []*cli.Command{{Name: "do", Flags: []cli.Flag{
		&cli.StringFlag{Name: "rate-keys"},
	}}}}, nil)
	got := overlooked(app, []string{"tool", "do", "--map-db", "1=TOOL_NS1"}, []string{
		"TOOL_RATE_KEYS=5", "TOOL_RATEKEYS=5", "TOOL_NS1=x", "TOOL_NS2=x", "TOOL_MAP_DB=1=TOOL_NS2", "TOOL_SERVICE_HOST=1.2.3.4", "TOOL_PORT_6666_TCP=x", "PATH=x",
	})
	want := []string{
		"TOOL_MAP_DB in the environment is not the variable of any flag and is ignored; did you mean TOOL_RATE_KEYS?",
		"TOOL_RATEKEYS in the environment is not the variable of any flag and is ignored; did you mean TOOL_RATE_KEYS?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestServiceLink: Kubernetes sets a variable like that of --port for a service of our name.
func TestServiceLink(t *testing.T) {
	t.Setenv("TOOL_PORT", "tcp://10.0.0.1:6666")
	code, _, stderr := runApp(func(*cli.Context) error { return nil }, "do")
	if want := "for a service called tool: set enableServiceLinks: false"; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("%d, %q, want %q", code, stderr, want)
	}
	t.Setenv("TOOL_PORT", "many")
	code, _, stderr = runApp(func(*cli.Context) error { return nil }, "do")
	if want := "variable TOOL_PORT is \"many\": --port is a whole number"; code != 2 || !strings.Contains(stderr, want) {
		t.Errorf("%d, %q, want %q", code, stderr, want)
	}
}

// TestShowsPassword: who gives a password where ps shows it is told so, once.
func TestShowsPassword(t *testing.T) {
	const server, push = "give it in the environment (REDISCLI_AUTH), or with --password-file or --askpass", "give --push-url in the environment (TOOL_PUSH_URL)"
	for args, want := range map[string]string{
		"--uri redis://:secret@h:1":    server,
		"--uri=redis://u:secret@h:1":   server,
		"-u u:secret@h":                server,
		"-a secret":                    server,
		"--push-url http://u:secret@h": push,
		"--push-url=http://h:1":        "",
		"--pass=secret":                server,
		"--uri redis://h:1":            "",
		"--uri redis://u@h:1/3":        "",
		"--match a:b@c":                "",
		"--in s3://b/a?endpoint=x:y@":  "",
		"--password-file x":            "",
		"--askpass":                    "",

		"-a secret --push-url=http://u:secret@h -u redis://:secret@h": server + "; " + push,
	} {
		if got := strings.Join(shownPasswords(strings.Fields("tool do "+args), "tool"), "; "); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	_, _, stderr := runApp(func(*cli.Context) error { return nil }, "do", "--uri", "redis://:secret@h", "--uri", "redis://:secret@i")
	if strings.Count(stderr, "warning: a password") != 1 || strings.Contains(stderr, "secret") {
		t.Errorf("stderr %q", stderr)
	}
}
