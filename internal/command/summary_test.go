package command

import (
	"errors"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// TestNext: what is to be pasted has the flags that were given, as a shell takes them, and no
// password.
func TestNext(t *testing.T) {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "uri", Aliases: []string{"u"}}, &cli.StringFlag{Name: "pass", Aliases: []string{"a"}}, &cli.StringFlag{Name: "in"},
		&cli.StringFlag{Name: "match"}, &cli.BoolFlag{Name: "resume"}, &cli.BoolFlag{Name: "verify"}, &cli.BoolFlag{Name: "json"}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
	}
	for _, x := range []struct {
		given []string
		want  string
	}{
		{[]string{"--uri", "redis://h:1", "--in=dir", "-q", "--json"}, "tool load --uri redis://h:1 --in dir --resume"},
		{[]string{"-u", "redis://:secret@h:1", "--in", "a 'b'"}, `tool load --uri redis://h:1 --in 'a '\''b'\''' --askpass --resume`},
		{[]string{"--uri=me:secret@h:1/2", "--in", "*"}, `tool load --uri redis://me@h:1/2 --in '*' --askpass --resume`},
		{[]string{"-a", "secret", "--uri", "h"}, "tool load --uri h --askpass --resume"},
		{[]string{"--pass=secret", "--match", ""}, "tool load --match '' --askpass --resume"},
		{[]string{"--uri", "redis://:sec ret@h:%zz"}, "tool load --uri URI --resume"},
		{[]string{"--in", "dir", "--verify=false"}, "tool load --in dir --verify=false --resume"},
	} {
		got := ""
		app := &cli.App{Name: "tool", Metadata: map[string]any{argsKey: append([]string{"tool", "load"}, x.given...)}, Commands: []*cli.Command{{
			Name: "load", Flags: flags,
			Action: func(c *cli.Context) error {
				got = Next(c, "tool load", But(), "--resume")
				return nil
			},
		}}}
		if err := app.Run(append([]string{"tool", "load"}, x.given...)); err != nil {
			t.Fatal(err)
		}
		if got != x.want {
			t.Errorf("%q: %s, want %s", x.given, got, x.want)
		}
	}
}

// TestCheckOf: of a dump in a bucket the command that looks for damage has the query, however the
// dump was named.
func TestCheckOf(t *testing.T) {
	const dump = "s3://b/dump?region=x"
	err := &format.CorruptError{Name: "s3://b/dump/chunks/00-hash-000001.mpz", Err: errors.New("bad")}
	for _, args := range [][]string{{"--in", dump}, {"--in=" + dump}, {dump}} {
		got := ""
		app := &cli.App{Name: "kvload", Commands: []*cli.Command{{
			Name: "load", Flags: []cli.Flag{&cli.StringFlag{Name: "in"}},
			Action: func(c *cli.Context) error {
				c.App.Metadata = map[string]any{contextKey: c, argsKey: append([]string{"kvload", "load"}, args...)}
				got = checkOf(c.App, err, exitcode.Corrupt)
				return nil
			},
		}}}
		if err := app.Run(append([]string{"kvload", "load"}, args...)); err != nil {
			t.Fatal(err)
		}
		if want := "kvload check '" + dump + "'"; got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
	}
}
